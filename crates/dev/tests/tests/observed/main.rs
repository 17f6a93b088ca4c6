//! Metrics and logs belong to a whole process, so these tests have one of their own.

mod logs;
mod metrics;
mod reused_ids;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/trip.rs"]
mod trip;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/world.rs"]
mod world;
