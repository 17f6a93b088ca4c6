//! `ballet contract`: contracts as files, apart from the system that the command works on.

mod diff;
mod write;

use anyhow::Result;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the changes between two versions of a system's contracts, and who breaks by them
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Args),
    /// Write the contract of a service to its file, from the service's program
    #[command(after_help = write::EXAMPLES)]
    Write(write::Args),
}

pub(crate) fn run(command: &Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::Diff(args) => diff::run(args, options),
        Command::Write(args) => write::run(args, options),
    }
}
