//! A card processor, as the shop and the rides are paid through it: what it is asked, the one behind an HTTP API, and
//! the sandbox that stands for it in demos and tests. What is asked when is said by the services' steps.

#![warn(missing_docs)]

mod config;
mod provider;
mod remote;
pub mod sandbox;

pub use config::ProviderSettings;
pub use provider::{
    Authorization, Authorize, Capture, NOT_TAKEN, NoAnswer, Provider, Refund, Reply, Settle, Void,
};
pub use remote::Remote;
pub use sandbox::Sandbox;
