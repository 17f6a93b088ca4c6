//! A suite for any program that takes part in a saga, in any language.
//!
//! The suite knows the program only by its command line and its [`Contract`]: what it consumes, what it publishes,
//! and a query for its effect. It runs as separate processes on a real broker and a real database, with the
//! permissions of its own broker user. The suite sends it messages, copies and reorders them, kills it, and takes its
//! servers away. At the end each effect must exist once, each event must be published once, under one id, and nothing
//! may be left over.
//!
//! ```no_run
//! use ballet_testkit::participant::{Contract, Program, ProgramSuite};
//!
//! # async fn try_it() -> Result<(), String> {
//! let contract = Contract::read("participant.json".as_ref())?;
//! ProgramSuite::new(Program::new("python3").args(["-m", "loyalty"]), contract).check().await;
//! # Ok(())
//! # }
//! ```
//!
//! `ballet participant try -- python3 -m loyalty` does the same, in any project.
//!
//! The program gets `AMQP_URL` and `DATABASE_URL`. Its queue, its permissions and an empty database exist when it
//! starts. [`Scenario`] lists what happens to it.

mod contract;
mod program;
mod rig;
mod scenario;
mod scenarios;
mod suite;

pub use contract::{Contract, HandlerTrouble};
pub use program::Program;
pub use scenario::Scenario;
pub use suite::{ProgramSuite, ScenarioOutcome};
