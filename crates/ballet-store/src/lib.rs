//! The schema `ballet` in the database of each service: its migrations, and all SQL on it.
//!
//! The engine, the operators' tools and the tests ask it, as functions over a connection. Nobody else
//! writes SQL on `ballet.`

pub mod calls;
pub mod copies;
pub mod database;
pub mod dead_events;
pub mod deadlines;
pub mod inbox;
pub mod ledger;
pub mod old_rows;
pub mod operators;
pub mod outbox;
pub mod partitions;
pub mod process;
pub mod schema;
mod stored_text;
pub mod telemetry;
pub mod trace;
pub mod trace_context;
pub mod upkeep;
pub mod waiting;
