//! The events to publish, and the copies that the broker did not take.

pub mod batches;
pub mod event;
pub mod left_behind;
pub mod tables;
pub mod unsent_copies;
