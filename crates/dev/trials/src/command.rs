//! The command line of a system's program.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use ballet_ops::terminal::ui;
use clap::{Parser, Subcommand};

use crate::processes::gateway::GATEWAY;
use crate::processes::program::SERVICE;
use crate::running::clock::clock;
use crate::system::subject::Subject;
use crate::system::trial::Trial;
use crate::trials::{audit, chaos, degradation, demo, explore, kills};

/// Tries a system: everything that can go wrong does, and nothing may be lost, doubled or broken.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

/// The trials of a system.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show the system at work: customers of all kinds, and how it ends for them.
    Demo(demo::Args),
    /// Check the invariants of a running system over all its services, databases and queues.
    Audit(audit::Args),
    /// Kill, stop and disconnect everything while customers come, and check that nothing is lost.
    Chaos(chaos::args::Args),
    /// Kill each service while clients come: what still works for them, and does everything catch up?
    Degradation(degradation::Args),
    /// Kill a process at every point of every step: does every saga end as it must?
    Kills(kills::Args),
    /// Play schedules that seeds choose, with copies, crashes and lock waits, on real databases: is any rule broken?
    Explore(explore::Args),
}

/// The program of a system: the command or, as a process of a trial, a service.
pub fn main(trial: impl Trial) -> ExitCode {
    let subject = Subject::new(trial);
    if let Ok(service) = std::env::var(SERVICE) {
        return serve(&subject, &service);
    }
    let Args { command } = Args::parse();
    let done = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(&subject, &command)));
    done.unwrap_or_else(|error| {
        ui::say(&format!("{} {error:#}", ui::bad("error:")));
        ExitCode::FAILURE
    })
}

fn serve(subject: &Subject, service: &str) -> ExitCode {
    // So that `pkill -x payments` finds the process. Without this file it keeps its program's name.
    std::fs::write("/proc/self/comm", service).ok();
    if let (GATEWAY, Some(front)) = (service, subject.tried.front()) {
        return (front.main)();
    }
    subject.serve(service, clock()).unwrap_or_else(|| {
        let name = subject.system.name;
        ui::say(&format!("{SERVICE} is {service}, but {name} has no such service"));
        ExitCode::FAILURE
    })
}

/// A broken rule is no error, but an exit code.
async fn run(subject: &Arc<Subject>, command: &Command) -> Result<ExitCode> {
    let ended = match command {
        Command::Demo(args) => Box::pin(demo::run(subject, args)).await,
        Command::Audit(args) => audit::run(subject, args).await,
        Command::Chaos(args) => Box::pin(chaos::run(subject, args)).await,
        Command::Degradation(args) => Box::pin(degradation::run(subject, args)).await,
        Command::Kills(args) => Box::pin(kills::run(subject, args)).await,
        Command::Explore(args) => Box::pin(explore::run(subject, args)).await,
    }?;
    match ui::not_whole() {
        Some(error) => Err(anyhow!("the result was not written: standard output: {error}")),
        None => Ok(ended),
    }
}
