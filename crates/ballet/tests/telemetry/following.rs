//! Each process follows all beats in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballet::{Participant, Reading, Running, Service, Telemetry, TelemetryFollower};
use ballet_amqp::{BasicProperties, Broker, Publish, Publisher, PublisherSettings, RabbitMq};
use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use jiff::{SignedDuration, Timestamp};

use crate::meter::{BOMB, Beat, METER_TABLES, asleep, published, sent, settings};

/// A follower panics with this number.
const UNLUCKY: i64 = 13;

/// The last number of each device.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<BTreeMap<String, i64>>>);

impl TelemetryFollower for Last {
    const NAME: &'static str = "last_beats";
    type Follows = Beat;

    fn reaches_back(&self) -> SignedDuration {
        SignedDuration::from_mins(10)
    }

    fn take(&self, _: Timestamp, batch: &[Reading<Beat>]) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for Reading { value: Beat { device, number }, .. } in batch {
            assert_ne!(*number, UNLUCKY);
            let known = last.entry(device.clone()).or_default();
            *known = (*known).max(*number);
        }
    }
}

impl Last {
    /// Waits until these are the devices, each with this number.
    async fn until(&self, devices: usize, number: i64) {
        let all = wait_until("all beats are followed", Duration::from_secs(60), || async {
            let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let is_so = last.len() == devices && last.values().all(|one| *one == number);
            if is_so { Ok(Some(())) } else { Err(format!("{last:?}")) }
        });
        all.await.unwrap();
    }
}

async fn replica(system: &TestSystem) -> (Running, Last) {
    let last = Last::default();
    let follows =
        Participant::new("meter").publishes_telemetry::<Beat>().follows_telemetry(last.clone());
    let service = Service::new(follows).migrations(METER_TABLES);
    (service.start(settings(system)).await.unwrap(), last)
}

#[tokio::test]
async fn each_replica_follows_all_beats_and_one_that_starts_reads_back() {
    let system = asleep("telemetry_followed").await;
    let (one, followed) = replica(&system).await;
    // Nobody waits for the broker, which is not there yet.
    one.handle().telemetry::<Beat>().send_later(&Beat { device: "d0".to_owned(), number: 1 });
    followed.until(1, 1).await;
    published(&one, 20, 2..4).await;
    let (other, later) = replica(&system).await;
    for last in [&followed, &later] {
        last.until(20, 3).await;
    }
    drop(one);
    let broker: Arc<dyn Broker> = Arc::new(RabbitMq::new(system.env.ops_amqp_url()).unwrap());
    let publisher = Publisher::start(broker, PublisherSettings::new("test", "1"), Arc::new(|_| {}));
    for partition in [0, 1] {
        let unreadable = Publish {
            exchange: "telemetry".to_owned(),
            routing_key: Beat::TYPE.routing_key(partition),
            mandatory: true,
            properties: BasicProperties::default(),
            body: "{".into(),
        };
        publisher.publish_now(unreadable, Duration::from_secs(20)).await.unwrap();
    }
    published(&other, 20, 4..5).await;
    later.until(20, 4).await;
    publisher.stop(Duration::from_secs(1)).await;
    other.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn a_follower_that_panics_passes_over_only_that_message() {
    let system = asleep("telemetry_follow_panic").await;
    let (running, followed) = replica(&system).await;
    let beats = running.handle().telemetry::<Beat>();
    sent(&beats, &Beat { device: BOMB.to_owned(), number: 1 }).await;
    published(&running, 3, UNLUCKY - 1..UNLUCKY + 2).await;
    followed.until(3, UNLUCKY + 1).await;
    // A process that starts finds them, too.
    let (other, followed) = replica(&system).await;
    followed.until(3, UNLUCKY + 1).await;
    running.stop().await;
    other.stop().await;
    system.close(0).await;
}
