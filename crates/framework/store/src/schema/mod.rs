//! The schema itself: its migrations, how it may differ from them, and the partitions of its tables.

pub mod hindrances;
pub mod migrate;
#[cfg(test)]
pub(crate) mod migrated_database;
pub mod migration;
pub mod partitions;
