//! `degradation`: kills each service while clients come, and checks what still works for them.

mod outage;
mod outages;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use ballet_ops::terminal::ui;

use crate::processes::gateway::GATEWAY;
use crate::running::long_run::{LongRun, RunPlan};
use crate::system::subject::Subject;
use crate::trials::degradation::outages::Outages;
use crate::trials::environment::play_in_environment;

/// The options of `degradation`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stop only these services, by their names; `gateway` is one, if there is a gateway.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    only: Vec<String>,
}

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    let front = subject.tried.front();
    let mut all = subject.services();
    all.extend(front.iter().map(|_| GATEWAY));
    if let Some(unknown) = args.only.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("there is no service {unknown}, only {}", all.join(", "));
    }
    all.retain(|name| args.only.is_empty() || args.only.iter().any(|one| one == name));
    let plan = RunPlan {
        beside_others: true,
        signed: front.is_some(),
        ..RunPlan::new("degradation", subject.tried.env())
    };
    let keeps_logs = |seen: Option<&Result<()>>| !matches!(seen, Some(Ok(())));
    let seen = play_in_environment(&subject.system, plan, keeps_logs, async |run| {
        run.kept(Box::pin(every_outage(subject, run, &all))).await
    });
    Ok(seen.await?.map_or(ExitCode::from(130), |()| ExitCode::SUCCESS))
}

async fn every_outage(
    subject: &Arc<Subject>,
    run: &LongRun,
    stopped: &[&'static str],
) -> Result<()> {
    let outages = Outages::set_up(subject, run).await?;
    ensure!(
        !outages.operations.is_empty(),
        "{} does not say what its clients can do (`Trial::operations`)",
        subject.system.name
    );
    for name in stopped.iter().copied() {
        let outage = outage::run(&outages, name).await;
        let outage = outage.with_context(|| format!("while {name} was stopped"))?;
        ui::print(&outage.to_string());
    }
    let exits = run.fleet.ends().await.crashes;
    ensure!(exits.is_empty(), "a service ended by itself: {}", exits.join("; "));
    Ok(())
}
