//! Background tasks beside the lanes: sweeping, deadlines, partitions, counts.

pub(crate) mod broker;
pub(crate) mod copies;
pub(crate) mod database;
pub(crate) mod failure_log;
pub(crate) mod outbox;
pub(crate) mod progress;
pub(crate) mod sagas;
