//! The watch over the database, and over this process's place in it.

pub(crate) mod clock;
pub(crate) mod hindrances;
pub(crate) mod hosts;
pub(crate) mod partitions;
pub(crate) mod pausing;
pub(crate) mod process;
