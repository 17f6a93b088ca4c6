//! The bare loop: what somebody would write with lapin and sqlx to read streams into a table, with the position in the
//! same transaction. It sets nothing aside, shares no work, skips lost messages silently, and ends with the connection.

use anyhow::{Context, Result};
use ballet::Telemetry;
use ballet::core::topology::telemetry_stream;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicAckOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use sqlx::{Connection, PgConnection};

use crate::contestants::handwritten::channel;
use crate::telemetry::beats::{Beat, write};

const BATCH: usize = 1_000;
const PREFETCH: u16 = 2_000;

/// Reads one stream from its beginning, until it is dropped.
pub(super) async fn read(amqp: &str, database: &str, partition: u16) -> Result<()> {
    let channel = channel(amqp, "bare loop").await?;
    let mut db = PgConnection::connect(database).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongLongInt(0));
    let queue = telemetry_stream(Beat::TYPE, partition);
    let consumer = channel.basic_consume(queue.into(), "bare".into(), <_>::default(), arguments);
    let mut deliveries = consumer.await?;
    loop {
        let mut delivery = deliveries.next().await.context("the stream ended")??;
        let mut beats: Vec<Beat> = vec![serde_json::from_slice(&delivery.data)?];
        while beats.len() < BATCH
            && let Some(next) = deliveries.next().now_or_never()
        {
            delivery = next.context("the stream ended")??;
            beats.push(serde_json::from_slice(&delivery.data)?);
        }
        let headers = delivery.properties.headers().as_ref().map(FieldTable::inner);
        let offset = match headers.and_then(|all| all.get("x-stream-offset")) {
            Some(AMQPValue::LongLongInt(offset)) => *offset,
            _ => anyhow::bail!("a message without an offset"),
        };
        let beats: Vec<&Beat> = beats.iter().collect();
        let mut tx = ballet_store::database::connection::begin(&mut db).await?;
        write(&mut tx, &beats).await?;
        let place = "insert into bare_place values ($1, $2)
                     on conflict (partition) do update set next_offset = excluded.next_offset";
        sqlx::query(place).bind(i32::from(partition)).bind(offset + 1).execute(&mut *tx).await?;
        tx.commit().await?;
        channel.basic_ack(delivery.delivery_tag, BasicAckOptions { multiple: true }).await?;
    }
}
