//! What is deleted once it is old.

pub mod chores;
pub mod expired_rows;
pub mod old_partitions;
