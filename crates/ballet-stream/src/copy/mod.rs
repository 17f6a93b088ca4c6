//! Copies of the messages that enter a queue from now on. The queue itself is not touched.

mod buffer;
pub(crate) mod copy_item;
pub(crate) mod queue_copy;
