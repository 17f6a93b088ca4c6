//! The schema itself: its migrations, and how it may differ from them.

pub mod differences;
pub mod hindrances;
pub mod indexes;
pub mod migrate;
#[cfg(test)]
pub(crate) mod migrated;
pub mod migration;
