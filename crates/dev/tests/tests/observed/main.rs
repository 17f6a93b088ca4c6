//! The parts of a service that can be observed from outside: metrics and logs. They belong to a whole process, so
//! these tests have one of their own.

mod logs;
mod metrics;
mod reused_ids;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/trip.rs"]
mod trip;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/world.rs"]
mod world;
