//! The contestant `twin`: a careful team's hand-written code. Each message has its own transaction, awaited confirm and
//! ack. Eight messages run at once, on a database connection each.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use lapin::options::BasicAckOptions;
use sqlx::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::contestants::handwritten::{
    self, ConfirmedPublisher, OutgoingMessage, confirmed, decide, lock_key, read,
};
use crate::saga4::business;

const PREFETCH: u16 = 50;
const AT_ONCE: usize = 8;
/// Older events are a crash's, and a sweep publishes them.
const LEFT_BEHIND: Duration = Duration::from_secs(10);

const OUTBOX: &str = "\
create table outbox (
    message_id uuid primary key,
    saga_id uuid not null,
    cause uuid not null,
    event_type text not null,
    body text not null,
    created_at timestamptz not null default now()
);";

/// Runs the service until the process ends.
///
/// # Errors
///
/// If anything fails. A process manager would restart it.
pub async fn run(service: &'static str, amqp_url: &str, database_url: &str) -> Result<()> {
    let connections = u32::try_from(AT_ONCE)? + 2;
    let pool = handwritten::database(database_url, OUTBOX, connections).await?;
    let publisher = ConfirmedPublisher::connect(amqp_url, service).await?;
    let (published, deletions) = mpsc::unbounded_channel();
    let (_channel, consumer) = handwritten::consume(amqp_url, service, PREFETCH).await?;
    let handling =
        consumer.map_err(anyhow::Error::from).try_for_each_concurrent(AT_ONCE, |delivery| {
            let (pool, publisher, published) = (&pool, &publisher, published.clone());
            async move {
                if let Some(event) = handle(pool, service, &delivery).await? {
                    confirmed(publisher.send(&[&event]).await?).await?;
                    published.send(event.message_id)?;
                }
                delivery.acker.ack(BasicAckOptions::default()).await?;
                Ok(())
            }
        });
    tokio::select! {
        ended = handling => ended.context("consuming")?,
        ended = delete(&pool, deletions) => ended.context("deleting what is published")?,
        ended = sweep(&pool, &publisher) => ended.context("publishing what was left behind")?,
    }
    anyhow::bail!("the broker closed the consumer")
}

#[expect(clippy::disallowed_methods, reason = "there is no framework to open transactions")]
async fn handle(
    pool: &PgPool,
    service: &str,
    delivery: &lapin::message::Delivery,
) -> Result<Option<OutgoingMessage>> {
    let message = read(delivery)?;
    let mut db = pool.begin().await?;
    // One statement takes the saga's lock and writes the inbox.
    let fresh = sqlx::query(
        "with locked as materialized (select pg_advisory_xact_lock($2)) \
         insert into inbox (message_id) select $1 from locked on conflict do nothing",
    )
    .bind(message.message_id)
    .bind(lock_key(message.saga_id))
    .execute(&mut *db)
    .await?;
    if fresh.rows_affected() == 0 {
        return Ok(None);
    }
    let ledger: Vec<(String, Option<String>)> =
        sqlx::query_as("select step, outcome from ledger where saga_id = $1")
            .bind(message.saga_id)
            .fetch_all(&mut *db)
            .await?;
    let effect = decide(service, &message, &ledger)?;
    if let Some(change) = &effect.change {
        business::apply(&mut db, change).await?;
    }
    let (steps, outcomes): (Vec<_>, Vec<_>) = effect.ledger.into_iter().unzip();
    match &effect.event {
        // One round trip for the ledger and the outbox.
        Some(event) => {
            sqlx::query(
                "with noted as (insert into ledger (saga_id, step, outcome) \
                     select $1, * from unnest($2::text[], $3::text[])) \
                 insert into outbox (message_id, saga_id, cause, event_type, body) \
                 values ($4, $1, $5, $6, $7)",
            )
            .bind(message.saga_id)
            .bind(&steps)
            .bind(&outcomes)
            .bind(event.message_id)
            .bind(event.cause)
            .bind(event.event_type)
            .bind(&event.body)
            .execute(&mut *db)
            .await?;
        }
        None if steps.is_empty() => {}
        None => {
            sqlx::query(
                "insert into ledger (saga_id, step, outcome) \
                 select $1, * from unnest($2::text[], $3::text[])",
            )
            .bind(message.saga_id)
            .bind(&steps)
            .bind(&outcomes)
            .execute(&mut *db)
            .await?;
        }
    }
    db.commit().await?;
    Ok(effect.event)
}

async fn delete(pool: &PgPool, mut published: mpsc::UnboundedReceiver<Uuid>) -> Result<()> {
    let mut ids = Vec::new();
    while published.recv_many(&mut ids, 100).await > 0 {
        sqlx::query("delete from outbox where message_id = any($1)")
            .bind(&ids)
            .execute(pool)
            .await?;
        ids.clear();
    }
    Ok(())
}

/// Publishes the events that a crashed process left in the outbox.
async fn sweep(pool: &PgPool, publisher: &ConfirmedPublisher) -> Result<()> {
    loop {
        let left: Vec<(Uuid, Uuid, Uuid, String, String)> = sqlx::query_as(
            "select message_id, saga_id, cause, event_type, body from outbox \
             where created_at < now() - make_interval(secs => $1) \
             order by created_at limit 100 for update skip locked",
        )
        .bind(LEFT_BEHIND.as_secs_f64())
        .fetch_all(pool)
        .await?;
        for (message_id, saga_id, cause, event_type, body) in left {
            let event = handwritten::known_type(&event_type)?;
            let event = OutgoingMessage { message_id, saga_id, cause, event_type: event, body };
            confirmed(publisher.send(&[&event]).await?).await?;
            sqlx::query("delete from outbox where message_id = $1")
                .bind(message_id)
                .execute(pool)
                .await?;
        }
        tokio::time::sleep(LEFT_BEHIND / 2).await;
    }
}
