//! Telemetry on real servers: each measurement counts once, and missed or unreadable messages are reported.

#![allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]

mod following;
mod leases;
mod meter;
mod places;
mod reading;
