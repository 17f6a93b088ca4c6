//! `ballet copies`: lists services' copies of entities, and has them published again.

mod list;
mod rebuild;
mod selection;

use anyhow::Result;
use clap::Subcommand;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::operator::copies::selection::CopySelection;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List which service copies what, from whom, how much, and how far it is behind
    List(CopySelection),
    /// Have the owner publish all entities anew
    Rebuild(rebuild::Args),
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List(selection) => list::run(&selection, options).await,
        Command::Rebuild(args) => rebuild::run(&args, options).await,
    }
}
