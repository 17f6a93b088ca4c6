//! `chaos`: the system on private servers, under faults and load. After each storm of faults it checks that nothing is
//! lost, doubled or broken. In place of faults, days may pass.

pub(crate) mod args;
mod days;
mod faults;
mod report;
mod storm;
mod tries;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ballet_terminal::ui;

use crate::running::long_run::{LongRun, RunPlan};
use crate::running::stop::Stop;
use crate::system::subject::Subject;
use crate::trials::chaos::args::Args;
use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::chaos::report::ChaosReport;

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    if let Some(kind) = args.kinds().iter().find(|kind| kind.needs_cluster() && !args.cluster) {
        bail!("{} needs --cluster", kind.name());
    }
    let mut stop = Stop::listen()?;
    let seed = args.seed.unwrap_or_else(some_seed);
    ui::say(&format!("seed {seed}"));
    let run = tokio::select! {
        run = Box::pin(LongRun::set_up(&subject.system, plan(subject, args))) => run?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let logs = run.logs().to_owned();
    let played = tokio::select! {
        played = Box::pin(storm::run(subject, args, seed, &run)) => Some(played),
        () = stop.asked() => None,
    };
    let held = matches!(&played, Some(Ok(ChaosReport { held: true, .. })));
    run.tear_down(!held || args.keep).await?;
    let report = match played {
        Some(report) => report.with_context(|| format!("the logs are in {}", logs.display()))?,
        None => return Ok(ExitCode::from(130)),
    };
    if args.json {
        ui::raw(&serde_json::to_string_pretty(&report).context("cannot write the report")?);
    } else {
        report.show(subject.sagas);
    }
    if !held || args.keep {
        ui::say(&format!("all logs are in {}", logs.display()));
    }
    if !held {
        ui::say(&format!("to repeat the same choices: --seed {seed}"));
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(subject: &Subject, args: &Args) -> RunPlan {
    RunPlan {
        replicas: args.replicas,
        nodes: args.nodes(),
        small_disks: args.small_disks(),
        proxies: args.kinds().into_iter().any(FaultKind::needs_proxies),
        own_servers: true,
        ..RunPlan::new("chaos", subject.tried.env(args.days))
    }
}

/// Any number. It only matters that it is printed.
fn some_seed() -> u64 {
    u64::try_from(ballet::Clock::system().now().as_microsecond()).unwrap_or_default()
        % 1_000_000_000
}
