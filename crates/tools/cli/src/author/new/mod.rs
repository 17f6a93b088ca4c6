//! `ballet new`: begins a new system, or a service of a system. The code that it writes compiles and passes its tests.

mod dependency;
mod names;
mod service;
mod system;
mod writing;

use anyhow::Result;
use clap::Subcommand;

use crate::base::exit::ExitStatus;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a service that does a part of a saga, with its contract and a test
    Service(service::ServiceArgs),
    /// Write a workspace with one service, which owns a saga, with its trials and tests
    System(system::SystemArgs),
}

pub(crate) fn run(command: &Command) -> Result<ExitStatus> {
    match command {
        Command::Service(args) => service::run(args),
        Command::System(args) => system::run(args),
    }
}
