//! `ballet sagas`: shows what sagas did and wait for, lists them, and marks what a person has solved.

mod answer;
mod list;
mod open_state;
mod saga_name;
mod show;
mod solved;
mod stop;
mod stuck;
mod versions;
mod waits;

use anyhow::Result;
use clap::Subcommand;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List sagas, open and ended, the latest first; find one by a key or by a value
    #[command(after_help = list::EXAMPLES)]
    List(list::Args),
    /// Show what has happened in one saga, what it waits for, and since when
    #[command(after_help = show::EXAMPLES)]
    Show(show::Args),
    /// Say that a person has compensated a step outside of the system, or knows how its call ended
    #[command(after_help = solved::EXAMPLES)]
    Solved(solved::Args),
    /// Have a saga aborted by its owner, before its deadline
    #[command(after_help = stop::EXAMPLES)]
    Stop(stop::Args),
    /// List the sagas that wait because something failed, with the reason and the next attempt
    Stuck(stuck::Args),
    /// List the versions of each saga, with the number of open sagas: a version without any can be removed
    Versions,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List(args) => list::run(&args, options).await,
        Command::Show(args) => show::run(&args, options).await,
        Command::Solved(args) => match answer::outcome(&args)? {
            Some(outcome) => answer::run(&args, outcome, options).await,
            None => solved::run(&args, options).await,
        },
        Command::Stop(args) => stop::run(&args, options).await,
        Command::Stuck(args) => stuck::run(&args, options).await,
        Command::Versions => versions::run(options).await,
    }
}
