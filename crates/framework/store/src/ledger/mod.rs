//! The step ledger, and what it says of a saga.

pub mod entry;
pub mod event;
pub mod locks;
pub mod open_sagas;
pub mod recorded_rows;
pub mod rows;
pub mod standing;
