//! Each process follows all beats in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballet::{
    Failure, Participant, Projection, Reading, Running, Service, Telemetry, TelemetryFollower, Tx,
};
use ballet_amqp::{
    BasicProperties, Broker, Publish, Publisher, PublisherHandle, PublisherSettings, RabbitMq,
};
use ballet_stage::{Method, wait_until};
use ballet_testkit::TestSystem;
use ballet_testkit::health::until_ready;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::meter::{BOMB, Beat, METER_TABLES, asleep, published, sent, settings, stream};

/// A follower panics with this number.
const UNLUCKY: i64 = 13;

/// The last number of each device.
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
            assert_ne!(*number, UNLUCKY);
            let known = last.entry(device.clone()).or_default();
            *known = (*known).max(*number);
        }
    }
}

impl LastNumbers {
    /// Waits until these are the devices, each with this number.
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

/// A publisher of what no service of ours sends.
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
    // Nobody waits for the broker, which is not there yet.
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

#[tokio::test]
async fn a_stream_whose_last_message_is_old_and_has_no_time_is_followed_to_its_end() {
    let system = asleep("telemetry_timeless").await;
    let publisher = foreign(&system);
    let old = timeless(0, r#"{"device":"d0","number":1}"#);
    publisher.publish_now(old, Duration::from_secs(20)).await.unwrap();
    publisher.stop(Duration::from_secs(1)).await;
    // As if a minute had passed since, and this were all that is of interest.
    let last =
        LastNumbers { reaches_back: SignedDuration::from_mins(-1), ..LastNumbers::default() };
    let running = following(&system, last).await;
    until_ready(running.address(), "all is followed", |status, _| status == 200).await;
    running.stop().await;
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

ballet_testkit::events! {
    BillWanted = plain "office.bill_wanted.v1" { number: i64 }
}

/// Writes a row for each bill.
struct Bills;

impl Projection for Bills {
    const NAME: &'static str = "bills";
    type On = BillWanted;

    async fn apply(&self, tx: &mut Tx<'_>, wanted: BillWanted) -> Result<(), Failure> {
        sqlx::query("insert into beat (device, number) values ('bill', $1)")
            .bind(wanted.number)
            .execute(tx.db())
            .await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_replica_that_cannot_follow_takes_no_messages() {
    let bills = || {
        let meter = Participant::new("meter").publishes_telemetry::<Beat>();
        let bills = meter.follows_telemetry(LastNumbers::default()).projects(Bills);
        Service::new(bills).migrations(METER_TABLES)
    };
    let mut system = TestSystem::asleep("telemetry_not_followed", vec![bills().part()]).await;
    system.start(bills()).await;
    let first = system.services[0].address();
    until_ready(first, "the first follows", |status, _| status == 200).await;
    // It goes on with what it reads. One that starts may read only one of the streams.
    let (management, vhost) = (system.env.management().clone(), system.env.vhost().to_owned());
    let after_scheme = system.env.amqp_url("meter").split_once("://").unwrap().1;
    let user = after_scheme.split_once(':').unwrap().0.to_owned();
    let path = ["permissions", &vhost, &user];
    let before = management.call(Method::GET, &path, None).await.unwrap();
    let mut without = before.clone();
    without["read"] = json!(format!(r"^(meter(\.dead)?|{})$", stream(0)));
    management.call(Method::PUT, &path, Some(&without)).await.unwrap();
    system.start(bills()).await;
    let second = system.services[1].address();
    until_ready(second, "the second does not follow, and waits", |status, said| {
        status == 503
            && said["consume"] == "paused"
            && said["telemetry"].to_string().contains("not followed")
    })
    .await;
    for number in 0..50 {
        system.publish_plain(&BillWanted { number }).await;
    }
    system.until("meter", "select count(*) from beat where device = 'bill'", 50).await;
    management.call(Method::PUT, &path, Some(&before)).await.unwrap();
    until_ready(second, "the second follows", |status, _| status == 200).await;
    system.close(0).await;
}
