//! Metrics belong to a process, so these tests have one of their own.

#[allow(dead_code, reason = "the tests of copies use all of it")]
#[path = "../services/copies/lamps.rs"]
mod lamps;
#[allow(dead_code, reason = "the tests of telemetry use all of it")]
#[path = "../telemetry/meter.rs"]
mod meter;
mod registered;
mod rules;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/trip.rs"]
mod trip;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/world.rs"]
mod world;
