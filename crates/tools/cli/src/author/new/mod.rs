//! `ballet new`: begins a project, or adds a part. What it writes compiles and passes its tests.

mod dependency;
mod names;
mod parts;
mod project;
mod service;
mod workspace;
pub(crate) mod writing;

use anyhow::Result;
use clap::Subcommand;

use crate::base::exit::ExitStatus;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct NewArgs {
    #[command(flatten)]
    project: project::ProjectArgs,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What a project may have besides its first service.
#[derive(Debug, Subcommand)]
enum Part {
    /// Add a service that does a part of a saga, with its contract and a test
    Service(service::ServiceArgs),
    /// Add the trials of the system: demo, audit, chaos, degradation, kills and explore
    Trials,
    /// Add the gateway, and files that run the system in containers behind it
    Gateway,
    /// Add `.ci/run`, all checks that a change has to pass
    Ci,
}

pub(crate) fn run(args: &NewArgs) -> Result<ExitStatus> {
    match &args.part {
        None => project::run(&args.project),
        Some(Part::Service(args)) => service::run(args),
        Some(Part::Trials) => parts::trials(),
        Some(Part::Gateway) => parts::gateway(),
        Some(Part::Ci) => parts::ci(),
    }
}
