//! Subcommands for authors of services, which work on contracts and code. `trials` calls the project's own program.

pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod contract;
pub(crate) mod deploy;
pub(crate) mod diagram;
pub(crate) mod explain;
pub(crate) mod id;
pub(crate) mod new;
pub(crate) mod participant;
pub(crate) mod play;
pub(crate) mod trials;
