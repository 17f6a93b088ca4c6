//! Each process follows all beats in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballet::{Participant, Reading, Running, Service, Telemetry, TelemetryFollower};
use ballet_amqp::{
    BasicProperties, Broker, Publish, Publisher, PublisherHandle, PublisherSettings, RabbitMq,
};
use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use jiff::{SignedDuration, Timestamp};

use crate::meter::{Beat, METER_TABLES, asleep, published, settings};

#[derive(Clone)]
struct LastNumbers {
    numbers: Arc<Mutex<BTreeMap<String, i64>>>,
    reaches_back: SignedDuration,
}

impl Default for LastNumbers {
    fn default() -> Self {
        Self { numbers: Arc::default(), reaches_back: SignedDuration::from_mins(10) }
    }
}

impl TelemetryFollower for LastNumbers {
    const NAME: &'static str = "last_beats";
    type Follows = Beat;

    fn reaches_back(&self) -> SignedDuration {
        self.reaches_back
    }

    fn take(&self, _: Timestamp, batch: &[Reading<Beat>]) {
        let mut last = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        for Reading { value: Beat { device, number }, .. } in batch {
            let known = last.entry(device.clone()).or_default();
            *known = (*known).max(*number);
        }
    }
}

impl LastNumbers {
    async fn until(&self, devices: usize, number: i64) {
        let all = wait_until("all beats are followed", Duration::from_secs(60), || async {
            let last = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let is_so = last.len() == devices && last.values().all(|one| *one == number);
            if is_so { Ok(Some(())) } else { Err(format!("{last:?}")) }
        });
        all.await.unwrap();
    }
}

async fn replica(system: &TestSystem) -> (Running, LastNumbers) {
    let last = LastNumbers::default();
    (following(system, last.clone()).await, last)
}

async fn following(system: &TestSystem, last: LastNumbers) -> Running {
    let follows = Participant::new("meter").publishes_telemetry::<Beat>().follows_telemetry(last);
    let service = Service::new(follows).migrations(METER_TABLES);
    service.start(settings(system)).await.unwrap()
}

/// Publishes what no service of ours sends.
fn foreign(system: &TestSystem) -> PublisherHandle {
    let broker: Arc<dyn Broker> = Arc::new(RabbitMq::new(system.env.ops_amqp_url()).unwrap());
    Publisher::start(broker, PublisherSettings::new("test", "1"), Arc::new(|_| {}))
}

/// A message without a time, as others may send it.
fn timeless(partition: u16, body: &'static str) -> Publish {
    Publish {
        exchange: "telemetry".to_owned(),
        routing_key: Beat::TYPE.routing_key(partition),
        mandatory: true,
        properties: BasicProperties::default(),
        body: body.into(),
    }
}

#[tokio::test]
async fn each_replica_follows_all_beats_and_one_that_starts_reads_back() {
    let system = asleep("telemetry_followed").await;
    let (one, followed) = replica(&system).await;
    // Nobody waits for the unavailable broker.
    one.handle().telemetry::<Beat>().send_later(&Beat { device: "d0".to_owned(), number: 1 });
    followed.until(1, 1).await;
    published(&one, 20, 2..4).await;
    let (other, later) = replica(&system).await;
    for last in [&followed, &later] {
        last.until(20, 3).await;
    }
    drop(one);
    let publisher = foreign(&system);
    for partition in [0, 1] {
        publisher.publish_now(timeless(partition, "{"), Duration::from_secs(20)).await.unwrap();
    }
    published(&other, 20, 4..5).await;
    later.until(20, 4).await;
    publisher.stop(Duration::from_secs(1)).await;
    other.stop().await;
    system.close(0).await;
}
