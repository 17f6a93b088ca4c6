//! `ballet`: the command for a system of choreographed sagas. Operators repair dead letters, unpublished events, stuck
//! sagas, copies, and the broker's topology. Authors begin systems and check them.

mod agent;
mod author;
mod base;
mod operator;
mod tester;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::agent as mcp;
use crate::author::{
    catalog, check, contract, deploy, diagram, explain, id, new, participant, trials,
};
use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::{exit, systems, ui};
use crate::operator::{
    audit, console, copies, dlq, doctor, inbox, outbox, restore, sagas, services, telemetry,
    topology,
};
use crate::tester::{publish, rehearse, stream};

#[derive(Debug, Parser)]
#[command(
    name = "ballet",
    version,
    about = "Watch, inspect and repair a system of choreographed sagas",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done or different, 4 a server \
                  cannot be reached."
)]
struct Args {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that all that must hold does, in the running demo or in any system
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Args),
    /// The events of the system: who publishes and who consumes each, and its fields
    #[command(after_help = catalog::EXAMPLES)]
    Catalog(catalog::Args),
    /// Break everything at once while customers come: is anything lost, doubled, broken?
    #[command(disable_help_flag = true)]
    Chaos(trials::Args),
    /// Check the contracts of all services together: the rules of a sound choreography, and that
    /// consumers read what publishers write
    #[command(after_help = check::EXAMPLES)]
    Check(check::Args),
    /// The operators' web page: what hangs, where and why
    #[command(after_help = console::EXAMPLES)]
    Console(Box<console::Args>),
    /// Contracts as files: written from a service's program, and what changed between two versions
    #[command(subcommand)]
    Contract(contract::Command),
    /// Copies that services keep of each other's entities
    #[command(subcommand)]
    Copies(copies::Command),
    /// Readers of telemetry: how far they are, what they missed; rewind one
    #[command(subcommand)]
    Telemetry(telemetry::Command),
    /// Kill each service while customers come: what still works for them?
    #[command(disable_help_flag = true)]
    Degradation(trials::Args),
    /// The system at work on servers of its own, with customers of all kinds
    #[command(disable_help_flag = true)]
    Demo(trials::Args),
    /// Files that run the system elsewhere, from its contracts
    #[command(subcommand)]
    Deploy(deploy::Command),
    /// A saga as a picture: a lane for each service
    #[command(after_help = diagram::EXAMPLES)]
    Diagram(diagram::Args),
    /// Dead letters: messages that a service could not handle
    #[command(subcommand)]
    Dlq(Box<dlq::Command>),
    /// Check the system's servers: problems, and how to solve them
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Args),
    /// The rules of `ballet check`: why one matters, and what to do
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Args),
    /// Play schedules that seeds choose, with copies, crashes and lock waits, on real databases: is any rule broken?
    #[command(disable_help_flag = true)]
    Explore(trials::Args),
    /// A new message id, or the one that services derive for a message without a UUID
    Id(id::IdArgs),
    /// Messages that have come to the services and wait, and a retry now
    #[command(subcommand)]
    Inbox(inbox::Command),
    /// Kill a process at every point of every step: does every saga end as it must?
    #[command(disable_help_flag = true)]
    Kills(trials::Args),
    /// Serve an agent: what operators look at, as tools of the Model Context Protocol over stdio
    #[command(after_help = mcp::EXAMPLES)]
    Mcp(mcp::Args),
    /// Begin a project of your own, or add a service, trials, the gateway or CI to one
    New(new::NewArgs),
    /// Events that are not published yet, and those that a service could not publish
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Check that a service in any language keeps what a participant owes
    #[command(subcommand)]
    Participant(participant::Command),
    /// Publish events from a file, once the contracts have accepted all of them; or only say whether they do
    #[command(after_help = publish::EXAMPLES)]
    Publish(publish::Args),
    /// Write the events of the journal to a file, which can be replayed
    Record(Box<stream::RecordArgs>),
    /// Replay a recording into a private world with the services of a build, and compare their answers
    Rehearse(Box<rehearse::Args>),
    /// Send the events of a recording again
    Replay(Box<stream::ReplayArgs>),
    /// Bring a service whose database comes from a backup to where the others are
    Restore(Box<restore::Args>),
    /// Sagas: what one has done, which are open, and which are stuck
    #[command(subcommand)]
    Sagas(sagas::Command),
    /// Show events as they are published, or those of the journal
    Tap(Box<stream::TapArgs>),
    /// The services: their processes, and what waits in each
    Services,
    /// The broker's exchanges, queues, bindings and policies
    #[command(subcommand)]
    Topology(topology::Command),
    /// Judge sagas while their events flow: what breaks a property, and which steps have run
    Watch(Box<stream::WatchArgs>),
}

/// Runs the command with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = lines.without_time().with_target(false).with_ansi(ui::is_stderr_a_terminal());
    // Our own messages replace the AMQP library's.
    let ours = Targets::new().with_target("ballet", LevelFilter::WARN);
    tracing_subscriber::registry().with(lines.with_filter(ours)).init();
    match start(args).and_then(written) {
        Ok(ExitStatus::All) => ExitCode::SUCCESS,
        Ok(ExitStatus::Partly | ExitStatus::Different) => ExitCode::from(exit::PARTLY),
        Ok(ExitStatus::Failed) => ExitCode::FAILURE,
        Err(error) => {
            ui::say(&format!("{} {}", ui::bad("error:"), exit::error_text(&error)));
            ExitCode::from(exit::code(&error))
        }
    }
}

/// A result that was not written whole becomes an error.
fn written(done: ExitStatus) -> anyhow::Result<ExitStatus> {
    match ui::not_whole() {
        Some(error) => Err(anyhow!("the result was not written: standard output: {error}")),
        None => Ok(done),
    }
}

/// The main thread has a smaller stack.
fn start(args: Args) -> anyhow::Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let command = std::thread::Builder::new().spawn(move || runtime.block_on(run(args)))?;
    command.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn run(args: Args) -> anyhow::Result<ExitStatus> {
    systems::name(args.options.contracts.as_deref());
    match args.command {
        Command::Audit(given) => Box::pin(audit::run(&given, &args.options)).await,
        Command::Catalog(given) => catalog::run(&given, &args.options),
        Command::Chaos(given) => trials::run("chaos", &given),
        Command::Check(given) => Box::pin(check::run(&given, &args.options)).await,
        Command::Console(given) => Box::pin(console::run(&given, &args.options)).await,
        Command::Contract(command) => contract::run(&command, &args.options),
        Command::Copies(command) => Box::pin(copies::run(command, &args.options)).await,
        Command::Telemetry(command) => Box::pin(telemetry::run(command, &args.options)).await,
        Command::Degradation(given) => trials::run("degradation", &given),
        Command::Demo(given) => trials::run("demo", &given),
        Command::Deploy(command) => deploy::run(&command),
        Command::Diagram(given) => diagram::run(&given),
        Command::Dlq(command) => Box::pin(dlq::run(*command, &args.options)).await,
        Command::Doctor(given) => Box::pin(doctor::run(&given, &args.options)).await,
        Command::Explain(given) => explain::run(&given, &args.options),
        Command::Explore(given) => trials::run("explore", &given),
        Command::Id(arguments) => id::run(&arguments, &args.options),
        Command::Inbox(command) => Box::pin(inbox::run(command, &args.options)).await,
        Command::Kills(given) => trials::run("kills", &given),
        Command::Mcp(given) => Box::pin(mcp::run(given, &args.options)).await,
        Command::New(given) => new::run(&given),
        Command::Outbox(command) => Box::pin(outbox::run(command, &args.options)).await,
        Command::Participant(command) => Box::pin(participant::run(command, &args.options)).await,
        Command::Publish(given) => Box::pin(publish::run(&given, &args.options)).await,
        Command::Record(command) => Box::pin(stream::record(*command, &args.options)).await,
        Command::Rehearse(given) => Box::pin(rehearse::run(*given, &args.options)).await,
        Command::Replay(command) => Box::pin(stream::replay(*command, &args.options)).await,
        Command::Restore(restore) => Box::pin(restore::run(&restore, &args.options)).await,
        Command::Sagas(command) => Box::pin(sagas::run(command, &args.options)).await,
        Command::Services => Box::pin(services::run(&args.options)).await,
        Command::Tap(command) => Box::pin(stream::tap(*command, &args.options)).await,
        Command::Topology(command) => Box::pin(topology::run(command, &args.options)).await,
        Command::Watch(command) => Box::pin(stream::watch(*command, &args.options)).await,
    }
}
