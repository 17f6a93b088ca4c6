//! The deletion of old rows and partitions.

pub mod chores;
pub mod expired_rows;
pub mod old_partitions;
