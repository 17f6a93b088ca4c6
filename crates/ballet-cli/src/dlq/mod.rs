//! `ballet dlq`: dead letters, seen and mended.

mod chosen;
mod discard;
mod edit;
mod list;
mod redrive;
mod show;
mod told;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use chosen::browse;
pub(crate) use told::line;

use crate::exit::Done;
use crate::place::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show dead letters one by one, those that died last first
    List(list::List),
    /// Show how many died of what: by reason, step and event
    Groups(list::Groups),
    /// Show one with all its properties, headers and body
    Show(show::Args),
    /// Send them back to their service, one of each group ahead
    Redrive(redrive::Args),
    /// Give one another body; it stays a dead letter until it is redriven
    Edit(edit::Args),
    /// Throw them away, after writing them to a file
    Discard(discard::Args),
}

pub(crate) async fn run(command: Command, place: &Place) -> Result<Done> {
    match command {
        Command::List(args) => list::list(&args, place).await,
        Command::Groups(args) => list::groups(&args, place).await,
        Command::Show(args) => show::run(&args, place).await,
        Command::Redrive(args) => redrive::run(&args, place).await,
        Command::Edit(args) => edit::run(&args, place).await,
        Command::Discard(args) => discard::run(&args, place).await,
    }
}
