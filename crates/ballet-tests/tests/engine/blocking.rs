//! A step that holds its thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet::{Failure, Migration, Participant, Projection, Tx};
use ballet_stage::wait_until;
use ballet_testkit::health::{metrics, sample, until_ready};

use crate::trip::HotelRenamed;
use crate::world::{SOON, TripWorld, part};

const TABLES: &[Migration] =
    &[Migration { name: "0001_none", sql: "create table none (name text not null)" }];

/// Blocks until it is let go.
struct Blocks(Arc<AtomicBool>);

impl Projection for Blocks {
    const NAME: &'static str = "block";
    type On = HotelRenamed;

    async fn apply(&self, _: &mut Tx<'_>, _: HotelRenamed) -> Result<(), Failure> {
        while self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t225_a_step_that_blocks_its_thread_is_named_by_readiness_and_a_metric_until_it_ends() {
    let blocks = Arc::new(AtomicBool::new(true));
    let guide = Participant::new("guide").projects(Blocks(Arc::clone(&blocks)));
    let world = TripWorld::new("blocking", vec![part(guide, TABLES)]).await;
    let address = world.services[0].address();
    let says = async |status: u16, words: &str| {
        until_ready(address, words, |found, told| {
            let handlers = told["handlers"].as_str().unwrap_or_default();
            found == status && handlers.contains(words)
        })
        .await;
    };
    let metric = async |held: bool| {
        wait_until("the metric", SOON, || async {
            let metrics = metrics(address).await.map_err(|error| error.to_string())?;
            let seconds = sample(&metrics, r#"ballet_worker_held_seconds{step="block"} "#);
            let seconds = seconds.ok_or("none")?;
            if (seconds > 0.0) == held { Ok(Some(())) } else { Err(format!("{seconds}")) }
        })
        .await
        .expect("the metric");
    };
    says(200, "ok").await;
    world.publish(world.new_saga(), &HotelRenamed { name: "Ritz".into() }).await;
    says(503, "the step block has held its thread for ").await;
    metric(true).await;
    blocks.store(false, Ordering::Relaxed);
    says(200, "ok").await;
    metric(false).await;
}
