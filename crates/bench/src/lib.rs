//! The benchmark: ballet and hand-written code that does the same, measured in one run.
//!
//! [`saga4`] is the work, [`contestants`] are the ways to write it, [`runs`] measures them, and [`report`] lists the
//! measurements and compares the figures. [`search`] measures the shop's catalogue, [`gateway`] the gateway, [`stream`]
//! the commands for the stream of all events, [`telemetry`] its readers, [`ranking`] the answers of streaming's
//! analytics, [`places`] the drivers of rides, [`hops`] the hops of a saga, [`idle`] services that have nothing to do,
//! and [`console`] the operators' console.

pub mod console;
pub mod contestants;
pub mod gateway;
pub mod hops;
pub mod idle;
pub mod places;
pub mod ranking;
pub mod report;
pub mod runs;
pub mod saga4;
pub mod search;
pub mod stream;
pub mod telemetry;
