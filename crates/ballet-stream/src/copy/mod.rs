//! Copies of the messages that enter a queue from now on. The queue itself is not touched.

mod buffer;
pub(crate) mod copied;
pub(crate) mod queue_copy;
