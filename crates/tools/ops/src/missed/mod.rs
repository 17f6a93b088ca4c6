//! Finds the events that services have missed, in the journal and the databases, and sends them. Their binding was
//! missing, or they were lost on their way to a queue.
//!
//! The journal has every event, unless the broker has lost a part of it: a stream is not flushed to disk. What steps
//! have published is in the databases of their services as well. A service's inbox has every message that it handled.
//! An event is missed if the service consumes it and its inbox does not have it, unless it waits for a retry, is a dead
//! letter, or was discarded by a person. An event is sent with its own message id, so a mistake costs nothing: the
//! service drops messages that it has handled before.

mod consumer_search;
mod journal;
pub(crate) mod journal_check;
mod known_messages;
mod ledgers;
mod missed_events;
mod search;
mod send;
mod witnesses;

pub use consumer_search::Consumer;
pub use missed_events::{JournalGaps, MissedEvent, MissedEvents};
pub use search::search;
pub use send::send;
pub use witnesses::Witnesses;
