//! The benchmark: ballet and equivalent hand-written code, measured in one run.
//!
//! [`saga4`] is the work, [`contestants`] write it, [`runs`] measures them, and [`report`] compares the figures.
//! [`gateway`] measures the gateway, [`telemetry`] the readers of telemetry, and [`console`] the operators' console.

pub mod console;
pub mod contestants;
pub mod gateway;
pub mod report;
pub mod runs;
pub mod saga4;
pub mod telemetry;
