//! `ballet dlq`: shows, redrives, edits and discards dead letters.

mod discard;
mod edit;
pub(crate) mod interrupt;
mod list;
mod lookup;
pub(crate) mod note;
mod plans;
mod redrive;
mod render;
mod selection;
pub(crate) mod send_args;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead letters, the latest first
    List(list::DlqListArgs),
    /// Count dead letters by reason, step, event and cause
    Groups(list::GroupsArgs),
    /// Show a dead letter with its properties, headers and body
    Show(show::Args),
    /// Send dead letters back to their services
    Redrive(redrive::Args),
    /// Change the body of a dead letter, which stays one until it is redriven
    Edit(edit::Args),
    /// Write dead letters to a file and remove them
    Discard(discard::Args),
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List(args) => list::list(&args, options).await,
        Command::Groups(args) => list::groups(&args, options).await,
        Command::Show(args) => show::run(&args, options).await,
        Command::Redrive(args) => redrive::run(&args, options).await,
        Command::Edit(args) => edit::run(&args, options).await,
        Command::Discard(args) => discard::run(&args, options).await,
    }
}
