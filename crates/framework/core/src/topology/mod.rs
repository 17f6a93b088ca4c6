//! The broker's objects that follow from the declarations of a system.
//!
//! Events go to one topic exchange, `events`, bound with `#` to the stream `journal` and to the
//! internal exchange `route`, which routes them to the services. Events that `route` cannot place
//! end in `unrouted`. `route` is separate because the journal takes every event, so the broker
//! would count each as routed, and an event with a misspelt name would vanish.

mod binding;
mod definitions;
mod difference_words;
pub mod drift;
mod effective_policy;
pub(crate) mod names;
mod needed_queue;
mod standstill;
mod telemetry;

pub use binding::{Binding, Destination, bindings_needed_by, journal_bindings};
pub use definitions::definitions;
pub use names::{
    DEAD, DEAD_PRODUCER, DELIVERY_LIMIT, EVENTS, JOURNAL, JOURNAL_BYTES, JOURNAL_DAYS,
    JOURNAL_POLICY, LOOK_LIMIT, NOTES, OPS, REDRIVE, RETRIES, RETURNED, ROUTE, TAP, TELEMETRY,
    TOPOLOGY, UNROUTED, dead_queue, returned_queue, telemetry_stream,
};
pub use needed_queue::{NeededQueue, QueueDifference, queues_needed_by};
pub use standstill::stands_still;
