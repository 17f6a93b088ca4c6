//! The events to publish, those that could not be published, and the copies that the broker did not take.

pub mod batches;
pub mod dead_events;
pub mod event;
pub mod left_behind;
pub mod published;
pub mod tables;
pub mod wire;
