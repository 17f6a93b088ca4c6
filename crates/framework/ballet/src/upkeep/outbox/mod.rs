//! The upkeep of the outbox: publishes events that were left behind, marks published ones, and
//! empties tables in turns.

pub(crate) mod drain;
pub(crate) mod marks;
pub(crate) mod other_processes;
pub(crate) mod sweeper;
pub(crate) mod turns;
