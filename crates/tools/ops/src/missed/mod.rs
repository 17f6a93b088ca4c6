//! Finds in the journal and the databases the events that services have missed, and sends them. A binding was missing,
//! or they were lost on their way to a queue.
//!
//! The journal has every event unless the broker lost a part: a stream is not flushed to disk. The services' databases
//! have what steps published, and a service's inbox has every message that it handled. An event is missed if the
//! service consumes it and its inbox lacks it, unless it waits for a retry, is a dead letter, or was discarded. It is
//! sent with its own message id, so the service drops what it has handled before.

mod consumer_search;
mod journal;
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
