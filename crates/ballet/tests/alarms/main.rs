//! The alarms of `docs/monitoring/alarms.yml`: each of their causes is brought about in a running service, and
//! the expressions are evaluated on what its `/metrics` says. Metrics belong to a process, so the service
//! has one of its own.

mod begins;
mod expression;
#[allow(dead_code, reason = "the tests of copies use all of it")]
#[path = "../copies/lamps.rs"]
mod lamps;
mod process;
mod rings;
mod rules;
mod scrape;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/trip.rs"]
mod trip;
mod watched;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/world.rs"]
mod world;
