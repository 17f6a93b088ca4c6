//! Rows of the conformance table about sagas: steps, compensations, whole sagas.

mod garage;
mod steps;
#[path = "../engine/trip.rs"]
#[expect(dead_code, reason = "it belongs to the engine's tests, which use all of it")]
mod trip;
mod undos;
mod whole;
#[path = "../engine/world.rs"]
#[expect(dead_code, reason = "it belongs to the engine's tests, which use all of it")]
mod world;
