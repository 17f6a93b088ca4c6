//! The telemetry of the measurement, and its readers.

use ballet::{
    Failure, Migration, Participant, Reading, Service, Telemetry, TelemetryReader, TelemetryType,
    Tx,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// Publishes and reads the stream.
pub(super) const METER: &str = "meter";
pub(super) const KEEPER: &str = "keeper";
pub(super) const WATCHER: &str = "watcher";

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Beat {
    pub(super) device: String,
    pub(super) number: i64,
}

impl Telemetry for Beat {
    const TYPE: TelemetryType = TelemetryType::new("meter.beat.v1").partitions(2);

    fn key(&self) -> impl AsRef<[u8]> {
        &self.device
    }
}

struct BeatRows;

impl TelemetryReader for BeatRows {
    const NAME: &'static str = "rows";
    type Reads = Beat;

    async fn read(&self, tx: &mut Tx<'_>, batch: &[Reading<Beat>]) -> Result<(), Failure> {
        let beats: Vec<&Beat> = batch.iter().map(|one| &one.value).collect();
        Ok(write(tx.db(), &beats).await?)
    }

    async fn reset(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        sqlx::query("delete from beat").execute(tx.db()).await?;
        Ok(())
    }
}

struct NewestBeats;

impl TelemetryReader for NewestBeats {
    const NAME: &'static str = "alive";
    type Reads = Beat;

    async fn read(&self, tx: &mut Tx<'_>, batch: &[Reading<Beat>]) -> Result<(), Failure> {
        let devices: Vec<&str> = batch.iter().map(|one| &*one.value.device).collect();
        let numbers: Vec<i64> = batch.iter().map(|one| one.value.number).collect();
        sqlx::query(
            "insert into alive as a select device, max(number)
             from unnest($1::text[], $2::bigint[]) as new (device, number) group by device
             on conflict (device) do update set number = greatest(a.number, excluded.number)",
        )
        .bind(devices)
        .bind(numbers)
        .execute(tx.db())
        .await?;
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        sqlx::query("delete from alive").execute(tx.db()).await?;
        Ok(())
    }
}

pub(super) async fn write(db: &mut PgConnection, beats: &[&Beat]) -> Result<(), sqlx::Error> {
    let devices: Vec<&str> = beats.iter().map(|beat| &*beat.device).collect();
    let numbers: Vec<i64> = beats.iter().map(|beat| beat.number).collect();
    let insert = "insert into beat (device, number) select * from unnest($1::text[], $2::bigint[])";
    sqlx::query(insert).bind(devices).bind(numbers).execute(db).await.map(drop)
}

const BEATS: &[Migration] = &[Migration {
    name: "0001_beat",
    sql: "create table beat (device text not null, number bigint not null,
              at timestamptz not null default clock_timestamp());
          create table bare_place (partition int primary key, next_offset bigint not null)",
}];

const DEVICES: &[Migration] = &[Migration {
    name: "0001_alive",
    sql: "create table alive (device text primary key, number bigint not null)
              with (fillfactor = 60)",
}];

pub(super) fn participants() -> [Participant; 3] {
    [
        Participant::new(METER).publishes_telemetry::<Beat>(),
        Participant::new(KEEPER).reads_telemetry(BeatRows),
        Participant::new(WATCHER).reads_telemetry(NewestBeats),
    ]
}

pub(super) fn services() -> [Service; 3] {
    let [meter, keeper, watcher] = participants().map(Service::new);
    [meter, keeper.migrations(BEATS), watcher.migrations(DEVICES)]
}
