//! The benchmark: ballet and equivalent hand-written code, measured in one run.
//!
//! [`saga4`] is the work, [`contestants`] write it, [`runs`] measures them, and [`report`] compares the figures.
//! [`telemetry`] measures the readers of telemetry.

pub mod contestants;
pub mod report;
pub mod runs;
pub mod saga4;
pub mod telemetry;
