//! The upkeep of the outbox: events that were left behind are published, published ones are marked, and tables
//! are emptied in turns.

pub(crate) mod drain;
pub(crate) mod marks;
pub(crate) mod other_processes;
pub(crate) mod sweeper;
pub(crate) mod turns;
pub(crate) mod unsent_copies;
