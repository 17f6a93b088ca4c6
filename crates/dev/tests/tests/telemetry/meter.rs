//! A service that publishes and reads the beats of devices.

use std::sync::Arc;

use ballet::core::topology::telemetry_stream;
use ballet::{
    Failure, Migration, Participant, Reading, Running, Service, Settings, Telemetry,
    TelemetryError, TelemetryPublisher, TelemetryReader, TelemetryType, Tx,
};
use ballet_testkit::TestSystem;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

pub(crate) const PARTITIONS: u16 = 2;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Beat {
    #[serde(deserialize_with = "device")]
    pub(crate) device: String,
    pub(crate) number: i64,
}

impl Telemetry for Beat {
    const TYPE: TelemetryType = TelemetryType::new("meter.beat.v1").partitions(PARTITIONS);

    fn key(&self) -> impl AsRef<[u8]> {
        &self.device
    }
}

/// Reading this panics.
pub(crate) const BOMB: &str = "bomb";

fn device<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let device = String::deserialize(from)?;
    assert_ne!(device, BOMB);
    Ok(device)
}

/// Cannot read the number 13, and takes longer than a lease for 700.
pub(crate) struct Beats;

impl TelemetryReader for Beats {
    const NAME: &'static str = "beats";
    type Reads = Beat;

    async fn read(&self, tx: &mut Tx<'_>, batch: &[Reading<Beat>]) -> Result<(), Failure> {
        if batch.iter().any(|one| one.value.number == 13) {
            return Err(Failure::permanent("13 brings bad luck"));
        }
        if batch.iter().any(|one| one.value.number == 700) {
            sqlx::query("select pg_sleep(13)").execute(tx.db()).await?;
        }
        let devices: Vec<&str> = batch.iter().map(|one| &*one.value.device).collect();
        let numbers: Vec<i64> = batch.iter().map(|one| one.value.number).collect();
        let offsets: Vec<i64> = batch.iter().map(|one| one.offset.cast_signed()).collect();
        let insert = "insert into beat (device, number, at) \
                      select * from unnest($1::text[], $2::bigint[], $3::bigint[])";
        sqlx::query(insert).bind(devices).bind(numbers).bind(offsets).execute(tx.db()).await?;
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        sqlx::query("delete from beat").execute(tx.db()).await?;
        Ok(())
    }
}

pub(crate) const METER_TABLES: &[Migration] = &[Migration {
    name: "0001_beat",
    sql: "create table beat (place bigserial, device text not null, number bigint not null, at bigint not null)",
}];

/// Beats. One whose confirm was late may be in the stream twice.
pub(crate) const ALL: &str = "select count(distinct (device, number)) from beat";
/// Messages that were read before.
pub(crate) const TWICE: &str = "select count(*) - count(distinct (device, at)) from beat";

pub(crate) fn participant() -> Participant {
    reading(Beats)
}

fn reading(beats: Beats) -> Participant {
    Participant::new("meter").publishes_telemetry::<Beat>().reads_telemetry(beats)
}

/// Makes the queues and the database of the meter. Nobody runs.
pub(crate) async fn asleep(test: &str) -> TestSystem {
    TestSystem::asleep(test, vec![participant().part()]).await
}

/// It reads up to this many beats in one transaction.
pub(crate) async fn started(system: &TestSystem, most: u16) -> Running {
    let mut settings = settings(system);
    settings.telemetry_batch = most;
    service(Beats).start(settings).await.expect("it starts")
}

pub(crate) fn settings(system: &TestSystem) -> Settings {
    Settings::new(system.env.amqp_url("meter"), system.env.database_url("meter"))
}

pub(crate) fn service(beats: Beats) -> Service {
    Service::new(reading(beats)).migrations(METER_TABLES)
}

/// Publishes in order for each device.
pub(crate) async fn published(running: &Running, devices: usize, numbers: std::ops::Range<i64>) {
    let beats: TelemetryPublisher<Beat> = running.handle().telemetry();
    let beats = Arc::new(beats);
    let one = |device: usize| {
        let (beats, numbers) = (Arc::clone(&beats), numbers.clone());
        async move {
            for number in numbers {
                let beat = Beat { device: format!("d{device}"), number };
                sent(&beats, &beat).await;
            }
            Ok::<_, ()>(())
        }
    };
    try_join_all((0..devices).map(one)).await.expect("sent");
}

/// Sends again until it is recorded, as a client does.
pub(crate) async fn sent<T: Telemetry>(publisher: &TelemetryPublisher<T>, measured: &T) {
    for _ in 0..600 {
        match publisher.send(measured).await {
            Ok(()) => return,
            Err(TelemetryError::Away | TelemetryError::Unconfirmed(_)) => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the broker stays away");
}

pub(crate) fn stream(partition: u16) -> String {
    telemetry_stream(Beat::TYPE, partition)
}

/// Waits until what is published is younger than all that was read.
pub(crate) async fn until_later(system: &TestSystem) {
    let later = "select coalesce(bool_and(published_at < now() - interval '4 seconds'), true)::int \
                 from ballet.telemetry_reader";
    system.until("meter", later, 1).await;
}

pub(crate) async fn made_anew(
    system: &TestSystem,
    partition: u16,
    mut arguments: serde_json::Value,
) {
    let (name, vhost) = (stream(partition), system.env.vhost().to_owned());
    let management = system.env.management();
    management.delete_queue(&name).await.expect("deleted");
    arguments["x-queue-type"] = json!("stream");
    let put = |path: Vec<String>, body: serde_json::Value| async move {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        management.call(reqwest::Method::PUT, &path, Some(&body)).await
    };
    let queue = vec!["queues".to_owned(), vhost.clone(), name.clone()];
    put(queue, json!({"durable": true, "arguments": arguments})).await.expect("declared");
    let path = ["bindings", &vhost, "e", "telemetry", "q", &name];
    let key = Beat::TYPE.routing_key(partition);
    let body = json!({"routing_key": key, "arguments": {}});
    management.call(reqwest::Method::POST, &path, Some(&body)).await.expect("bound");
}
