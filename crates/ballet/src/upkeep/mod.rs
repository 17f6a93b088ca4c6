//! Background tasks beside the lanes: sweeping, deadlines, partitions, counts.

pub(crate) mod bindings;
pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod copied;
pub(crate) mod crashes;
pub(crate) mod deadlines;
pub(crate) mod declared_queues;
pub(crate) mod drain;
pub(crate) mod hindrances;
pub(crate) mod hosts;
pub(crate) mod marks;
pub(crate) mod others;
pub(crate) mod outbox;
pub(crate) mod partitions;
pub(crate) mod pausing;
pub(crate) mod process;
pub(crate) mod progress;
pub(crate) mod queues;
pub(crate) mod republish;
pub(crate) mod solved;
pub(crate) mod stuck;
pub(crate) mod sweeper;
pub(crate) mod told;
pub(crate) mod turns;
pub(crate) mod unsent_copies;
