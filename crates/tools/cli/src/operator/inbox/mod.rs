//! `ballet inbox`: lists the messages and calls that wait, and retries them now.

mod list;
mod retry;

use anyhow::Result;
use clap::Subcommand;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the messages and calls to the outside that failed and are not done, with the last error
    #[command(after_help = list::EXAMPLES)]
    List(list::Args),
    /// Try again now what waits for its next attempt
    #[command(after_help = retry::EXAMPLES)]
    Retry(retry::Args),
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List(args) => list::run(&args, options).await,
        Command::Retry(args) => retry::run(&args, options).await,
    }
}
