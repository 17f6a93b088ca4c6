//! `ballet`: the operator's command for dead letters, unpublished events, stuck sagas, copies and the
//! broker's topology.

mod copies;
mod dead_letters;
mod dlq;
mod exit;
mod options;
mod outbox;
mod sagas;
mod systems;
mod topology;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::exit::Done;
use crate::options::GlobalOptions;

#[derive(Debug, Parser)]
#[command(
    name = "ballet",
    version,
    about = "Inspect and repair a system of choreographed sagas",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 a server cannot be \
                  reached."
)]
struct Args {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copies that services keep of each other's entities
    #[command(subcommand)]
    Copies(copies::Command),
    /// Dead letters: messages that a service could not handle
    #[command(subcommand)]
    Dlq(Box<dlq::Command>),
    /// Events that a service could not publish
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Sagas that are stuck
    #[command(subcommand)]
    Sagas(sagas::Command),
    /// The broker's exchanges, queues, bindings and policies
    #[command(subcommand)]
    Topology(topology::Command),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = lines.without_time().with_target(false).with_ansi(ui::is_stderr_a_terminal());
    // Our own messages replace those of the AMQP library.
    let ours = Targets::new().with_target("ballet", LevelFilter::WARN);
    tracing_subscriber::registry().with(lines.with_filter(ours)).init();
    match start(args) {
        Ok(Done::All) => ExitCode::SUCCESS,
        Ok(Done::Partly) => ExitCode::from(exit::PARTLY),
        Ok(Done::Failed) => ExitCode::FAILURE,
        Err(error) => {
            ui::say(&format!("{} {error:#}", ui::bad("error:")));
            ExitCode::from(exit::code(&error))
        }
    }
}

/// Runs the command on a thread of the runtime, because the main thread has a smaller stack.
fn start(args: Args) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(run(args)).await? })
}

async fn run(args: Args) -> anyhow::Result<Done> {
    match args.command {
        Command::Copies(command) => Box::pin(copies::run(command, &args.options)).await,
        Command::Dlq(command) => Box::pin(dlq::run(*command, &args.options)).await,
        Command::Outbox(command) => Box::pin(outbox::run(command, &args.options)).await,
        Command::Sagas(command) => Box::pin(sagas::run(command, &args.options)).await,
        Command::Topology(command) => Box::pin(topology::run(command, &args.options)).await,
    }
}
