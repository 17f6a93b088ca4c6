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

use ballet_testkit::wait_until;

use crate::world::{SOON, World};

/// Waits until a table, or a part of it, has so many rows.
async fn until_count(world: &World, service: &str, what: &str, expected: i64) {
    wait_until(what, SOON, || async {
        let count = world.count(service, what).await;
        if count == expected { Ok(Some(())) } else { Err(format!("{count} of {expected}")) }
    })
    .await
    .expect("the rows");
}
