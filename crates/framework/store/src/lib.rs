//! The schema `ballet` in the database of each service: its migrations, and all SQL on it.
//!
//! The engine, the operators' tools and the tests ask it, as functions over a connection. Nobody else
//! writes SQL on `ballet.`

pub mod copies;
pub mod database;
pub mod inbox;
pub mod ledger;
pub mod operators;
pub mod outbox;
mod pending;
pub mod schema;
pub mod telemetry;
pub mod trace;
pub mod upkeep;

pub use outbox::dead_events;
pub use pending::{calls, deadlines, waiting};
pub use schema::partitions;
pub use trace::trace_context;
pub use upkeep::process;
