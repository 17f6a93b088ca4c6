//! A system's operators' console. An observer follows the journal into its own database, and pages show what hangs,
//! where and why. It is no part of any saga, and services do not need it.

#![warn(missing_docs)]

mod abort_reason;
mod access;
mod actions;
mod console;
mod contract_index;
mod observer;
mod pages;
mod server;
mod store;

pub use access::role::Role;
pub use access::trusted_header::{OperatorGroup, TrustedHeader};
pub use ballet_http::departure::Departure;
pub use ballet_http::peers::Network;
pub use console::{Account, Console, Options};
