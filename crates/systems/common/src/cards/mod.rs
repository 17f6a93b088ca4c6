//! A card processor for the shop and the rides: its interface, the client of an HTTP API, and a sandbox for demos and
//! tests.

mod config;
mod provider;
mod remote;
pub mod sandbox;

pub use config::ProviderSettings;
pub use provider::{Authorization, Authorize, Capture, Provider, Refund, Settle, Void};
pub use remote::RemoteProvider;
pub use sandbox::Sandbox;
