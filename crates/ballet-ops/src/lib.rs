//! What operators do with a running system: look after dead letters, audit what must always hold,
//! and find what is stuck.
//!
//! The `ballet` command is built on this crate.

#![warn(missing_docs)]

pub mod audit;
pub mod redrive;
pub mod stuck;
