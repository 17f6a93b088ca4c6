//! `soak`: the system under a steady load for hours, in which months pass for its services.
//! Memory, disk and latency must stay flat, and nothing may be lost, doubled or broken.

pub(crate) mod args;
mod handled_messages;
mod measure;
mod plot;
mod report;
mod run;
mod sampler;
mod time_lead;
mod verdict;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ballet_terminal::ui;

use crate::running::long_run::{LongRun, RunPlan};
use crate::running::run_dir::run_dir;
use crate::running::stop::Stop;
use crate::system::subject::Subject;
use crate::trials::soak::args::Args;
use crate::trials::soak::run::Soak;

/// The size of the journal, small enough that it drops messages in the run.
const JOURNAL: u64 = 50_000_000;

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    if !Path::new("/proc/self/status").exists() {
        bail!("this machine has no /proc, where the soak finds the memory of processes: use Linux");
    }
    let pace = args.pace()?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => run_dir(Some(&program), "soak", subject.system.name)?,
    };
    let mut stop = Stop::listen()?;
    let run = tokio::select! {
        run = Box::pin(LongRun::set_up(&subject.system, plan(subject, args))) => run?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let logs = run.logs().to_owned();
    let soaked = async {
        let soak = Soak::begin(subject, pace, args.rate, &run).await?;
        Box::pin(soak.run(&mut stop)).await
    };
    let soaked = soaked.await;
    let held = matches!(&soaked, Ok((report, _)) if report.held);
    run.tear_down(!held).await?;
    let (report, samples) =
        soaked.with_context(|| format!("the logs are in {}", logs.display()))?;
    report::write(&out, &samples, &report)?;
    if args.json {
        ui::raw(&serde_json::to_string_pretty(&report).context("cannot write the report")?);
    } else {
        report.show(subject.sagas);
    }
    ui::say(&format!("samples and plots are in {}", out.display()));
    if !held {
        ui::say(&format!("all logs are in {}", logs.display()));
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(subject: &Subject, args: &Args) -> RunPlan {
    RunPlan {
        replicas: args.replicas,
        own_servers: true,
        journal: Some(JOURNAL),
        ..RunPlan::new("soak-logs", subject.tried.env(true))
    }
}
