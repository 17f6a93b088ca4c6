//! The upkeep of a database: which processes are alive, and the deletion of old rows and partitions.

pub mod chores;
pub mod expired_rows;
pub mod old_partitions;
pub mod process;
