//! Publishes events for a person: nothing leaves before the contracts have accepted it.

mod outgoing;
mod sending;

pub use outgoing::{Defaults, Outgoing, outgoing};
pub use sending::{Sent, send};
