//! The alarms of `docs/monitoring/alarms.yml`: each of their causes is brought about in running services, which a
//! Prometheus with these rules watches. Metrics belong to a process, so each service has one of its own.

mod begins;
mod durations;
#[allow(dead_code, reason = "the tests of copies use all of it")]
#[path = "../copies/lamps.rs"]
mod lamps;
#[allow(dead_code, reason = "the tests of telemetry use all of it")]
#[path = "../telemetry/meter.rs"]
mod meter;
mod process;
mod rings;
mod rings_of_servers;
mod rings_of_telemetry;
mod rules;
mod scrape;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/trip.rs"]
mod trip;
mod watched_world;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/world.rs"]
mod world;
