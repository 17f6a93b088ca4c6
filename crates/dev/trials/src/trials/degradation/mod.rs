//! `degradation`: kills each service while clients come, and checks what still works for them.

mod outage;
mod overdue_deadline;
mod scene;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use ballet_terminal::ui;

use crate::processes::gateway::GATEWAY;
use crate::running::long_run::{LongRun, RunPlan};
use crate::running::stop::Stop;
use crate::system::subject::Subject;
use crate::trials::degradation::scene::DegradationScene;

/// The options of `degradation`.
#[derive(Debug, clap::Args)]
pub struct Args {
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
    let mut stop = Stop::listen()?;
    let plan = RunPlan {
        beside_others: true,
        signed: front.is_some(),
        ..RunPlan::new("degradation", subject.tried.env(false))
    };
    let run = tokio::select! {
        run = Box::pin(LongRun::set_up(&subject.system, plan)) => run?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let seen = tokio::select! {
        // Restarts the services that end by themselves. It returns only with an error.
        failed = run.fleet.keep() => { failed?; bail!("it never returns by itself") }
        seen = Box::pin(every_outage(subject, &run, &all)) => Some(seen),
        () = stop.asked() => None,
    };
    let held = matches!(seen, Some(Ok(_)));
    if matches!(seen, Some(Err(_))) {
        ui::say(&format!("all logs are in {}", run.logs().display()));
    }
    run.tear_down(!held).await?;
    match seen {
        Some(Ok(())) => Ok(ExitCode::SUCCESS),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}

async fn every_outage(
    subject: &Arc<Subject>,
    run: &LongRun,
    stopped: &[&'static str],
) -> Result<()> {
    let scene = DegradationScene::set_up(subject, run).await?;
    ensure!(
        !scene.operations.is_empty(),
        "{} does not say what its clients can do (`Trial::operations`)",
        subject.system.name
    );
    for name in stopped.iter().copied() {
        let outage = outage::run(&scene, name).await;
        let outage = outage.with_context(|| format!("while {name} was stopped"))?;
        ui::print(&outage.to_string());
    }
    if let Some(which) = subject.tried.overdue()
        && stopped.contains(&which.without)
    {
        let overdue = overdue_deadline::run(&scene, which).await;
        ui::print(&overdue.context("while a deadline passed")?);
    }
    let exits = run.fleet.ends().await.unexpected_exits;
    ensure!(exits.is_empty(), "a service ended by itself: {}", exits.join("; "));
    Ok(())
}
