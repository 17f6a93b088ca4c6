//! The broker's objects that follow from the declarations of a system.
//!
//! Events go to one topic exchange, `events`. It is bound with `#` to the stream `journal` and to
//! the internal exchange `route`, which routes them to the services. Events that `route` cannot
//! place end in `unrouted`. `route` is a separate exchange because the journal takes every event:
//! with both on one exchange the broker would count every message as routed, and an event with a
//! misspelt name would vanish.

mod binding;
mod definitions;
pub mod drift;
pub(crate) mod names;

pub use binding::{Binding, Destination, bindings_needed_by, bindings_of_queue};
pub use definitions::definitions;
pub use names::{
    COPY, COPY_EXPIRES, DEAD, DEAD_PRODUCER, DELIVERY_LIMIT, EVENTS, JOURNAL, JOURNAL_POLICY,
    LOOK_LIMIT, MOST_COPIED_BYTES, MOST_COPIES, NOTES, OPS, REDRIVE, RETRIES, RETURNED, ROUTE, TAP,
    TOPOLOGY, UNROUTED, dead_queue, returned_queue,
};
