//! Publishes events for a person. The contracts must accept an event before it is sent.

mod outgoing;
mod sending;

pub use outgoing::{MessageDefaults, OutgoingMessage, outgoing};
pub use sending::{MessageOutcome, send};
