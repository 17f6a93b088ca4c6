//! `ballet`: what an operator needs to see and to do. `ballet --help` says all.

mod dlq;
mod exit;
mod place;
mod sagas;
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
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = lines.without_time().with_target(false).with_ansi(ui::are_errors_seen());
    // What the AMQP library says of its own, we say better.
    let ours = Targets::new().with_target("ballet", LevelFilter::WARN);
    tracing_subscriber::registry().with(lines.with_filter(ours)).init();
    let done = match args.command {
        Command::Dlq(command) => Box::pin(dlq::run(*command, &args.place)).await,
        Command::Sagas(command) => Box::pin(sagas::run(command, &args.place)).await,
    };
    match done {
        Ok(Done::All) => ExitCode::SUCCESS,
        Ok(Done::Partly) => ExitCode::from(exit::PARTLY),
        Ok(Done::Failed) => ExitCode::FAILURE,
        Err(error) => {
            ui::say(&format!("{} {error:#}", ui::bad("error:")));
            ExitCode::from(exit::code(&error))
        }
    }
}
