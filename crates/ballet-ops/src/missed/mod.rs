//! Finds in the journal what a service has missed, and sends it: events whose binding was missing,
//! or that were lost on their way to its queue.
//!
//! The journal has every event, and the service's inbox has every message that it handled. Missed is
//! what the service consumes and its inbox does not know, unless the message is known otherwise: it
//! waits for a retry, or it is a dead letter, or a person discarded that. What is sent keeps its message id, so a mistake
//! costs nothing: the service drops what it has handled before.

mod journal;
mod known;
mod search;
mod send;

pub use journal::Journal;
pub use search::{Missed, MissedEvent, search};
pub use send::send;
