//! `ballet`: what an operator needs to see and to do. `ballet --help` says all.

mod dlq;
mod exit;
mod place;
mod sagas;
mod topology;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use exit::Done;
use place::Place;

#[derive(Debug, Parser)]
#[command(
    name = "ballet",
    version,
    about = "See and mend a system of choreographed sagas",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 a server cannot be \
                  reached."
)]
struct Args {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Dead letters: messages that a service could not handle.
    #[command(subcommand)]
    Dlq(Box<dlq::Command>),
    /// Sagas: which of them do not go on by themselves.
    #[command(subcommand)]
    Sagas(sagas::Command),
    /// The broker's exchanges, queues and bindings: whether they are as declared.
    #[command(subcommand)]
    Topology(topology::Command),
}

fn main() -> ExitCode {
    // A dead letter may be of the kind that has ended its service.
    if let Err(error) = ballet::internal::enlarge() {
        ui::say(&format!("{} {error}", ui::bad("error:")));
        return ExitCode::FAILURE;
    }
    let args = Args::parse();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = lines.without_time().with_target(false).with_ansi(ui::are_errors_seen());
    // What the AMQP library says of its own, we say better.
    let ours = Targets::new().with_target("ballet", LevelFilter::WARN);
    tracing_subscriber::registry().with(lines.with_filter(ours)).init();
    match begun(args) {
        Ok(Done::All) => ExitCode::SUCCESS,
        Ok(Done::Partly) => ExitCode::from(exit::PARTLY),
        Ok(Done::Failed) => ExitCode::FAILURE,
        Err(error) => {
            ui::say(&format!("{} {error:#}", ui::bad("error:")));
            ExitCode::from(exit::code(&error))
        }
    }
}

/// Runs the command, on a thread that has as much stack as the others: the first one has not.
fn begun(args: Args) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { tokio::spawn(run(args)).await? })
}

async fn run(args: Args) -> anyhow::Result<Done> {
    match args.command {
        Command::Dlq(command) => Box::pin(dlq::run(*command, &args.place)).await,
        Command::Sagas(command) => Box::pin(sagas::run(command, &args.place)).await,
        Command::Topology(command) => Box::pin(topology::run(command, &args.place)).await,
    }
}
