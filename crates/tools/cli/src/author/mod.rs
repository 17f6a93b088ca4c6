//! Subcommands for the authors of services: they work on contracts and code, without a running system. `trials` calls
//! the project's own program for that.

pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod contract;
pub(crate) mod diagram;
pub(crate) mod id;
pub(crate) mod new;
pub(crate) mod participant;
pub(crate) mod trials;
pub(crate) mod validate;
