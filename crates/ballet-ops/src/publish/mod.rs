//! Publishes events for a person. The contracts must accept an event before it is sent.

mod outgoing;
mod sending;

pub use outgoing::{Defaults, Outgoing, outgoing};
pub use sending::{Sent, send};
