//! On real servers, and on the broker in memory for faults that can be made only there.

#![allow(clippy::unwrap_used, reason = "a test may panic in its helpers, too")]

mod brokers_dead_letters;
mod crash_loop;
mod external;
mod input;
mod load;
mod odd_headers;
mod poison;
mod publishing;
mod refused_copies;
mod returned;
mod rotation;
mod scene;
mod start;
mod tls;
mod topology;
#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/trip.rs"]
mod trip;

#[allow(dead_code, reason = "the engine's tests use all of it")]
#[path = "../engine/world.rs"]
mod world;
