//! `ballet inbox`: lists the messages and calls that wait, retries them now, and pauses a service.

mod list;
mod pause;
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
    /// Have a service take no messages until it is resumed
    #[command(after_help = pause::EXAMPLES)]
    Pause(pause::PauseArgs),
    /// Have a paused service take messages again
    Resume(pause::ResumeArgs),
    /// Try again now what waits for its next attempt
    #[command(after_help = retry::EXAMPLES)]
    Retry(retry::Args),
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List(args) => list::run(&args, options).await,
        Command::Pause(args) => pause::pause(&args, options).await,
        Command::Resume(args) => pause::resume(&args, options).await,
        Command::Retry(args) => retry::run(&args, options).await,
    }
}
