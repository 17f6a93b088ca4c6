//! Copies of others' entities, and what this service shares.

pub mod copy_writes;
pub mod entity_row;
pub mod fills;
pub mod rebuild;
pub mod republications;
pub mod source;
pub mod state;
