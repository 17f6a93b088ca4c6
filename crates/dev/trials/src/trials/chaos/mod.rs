//! `chaos`: the system on private servers, under faults and load. After each storm it checks that nothing is lost,
//! doubled or broken.

pub(crate) mod args;
mod faults;
mod report;
mod storm;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use ballet_ops::terminal::ui;

use crate::running::long_run::RunPlan;
use crate::system::subject::Subject;
use crate::trials::chaos::args::Args;
use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::chaos::report::ChaosReport;
use crate::trials::environment::play_in_environment;

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    let kinds = args.kinds();
    ensure!(args.cluster || !kinds.contains(&FaultKind::Node), "node needs --cluster");
    let seed = args.seed.unwrap_or_else(some_seed);
    ui::say(&format!("seed {seed}"));
    let plan = RunPlan {
        replicas: args.replicas,
        nodes: args.nodes(),
        proxies: kinds.contains(&FaultKind::Network),
        own_servers: true,
        ..RunPlan::new("chaos", subject.tried.env())
    };
    let keeps_logs = |played: Option<&Result<ChaosReport>>| {
        !played.is_some_and(|played| played.as_ref().is_ok_and(|report| report.held))
    };
    let played = play_in_environment(&subject.system, plan, keeps_logs, async |run| {
        run.kept(Box::pin(storm::run(subject, args, seed, run))).await
    });
    let Some(report) = played.await? else { return Ok(ExitCode::from(130)) };
    if args.json {
        ui::raw(&serde_json::to_string_pretty(&report).context("cannot write the report")?);
    } else {
        report.show(subject.sagas);
    }
    if report.held {
        return Ok(ExitCode::SUCCESS);
    }
    ui::say(&format!("to repeat the same choices: --seed {seed}"));
    Ok(ExitCode::FAILURE)
}

/// Any number will do, as it is printed.
fn some_seed() -> u64 {
    u64::try_from(ballet::Clock::system().now().as_microsecond()).unwrap_or_default()
        % 1_000_000_000
}
