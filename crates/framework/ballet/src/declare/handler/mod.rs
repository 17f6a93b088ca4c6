//! The tools of handlers: their view of a transaction, its events, and their failures.

pub(crate) mod clock;
pub(crate) mod copy_reads;
pub(crate) mod database_wait;
pub(crate) mod failure;
pub(crate) mod item;
pub(crate) mod json;
pub(crate) mod spans;
pub(crate) mod tx;
