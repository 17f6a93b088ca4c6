//! The contestants `ceiling` and `ceiling-bulk`: the fastest code with the same guarantees that we can write by hand.
//! One lane handles batches of up to 250 messages, with as few statements as possible. `ceiling-bulk` also does the
//! business in bulk. Those with packs publish the events of a batch in CloudEvents' JSON batches, one for each type.
//!
//! The outbox is append-only. A later batch adds a row, the mark, for a published batch. Published rows stay, because
//! deleting them would cost more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{FutureExt, StreamExt};
use lapin::Channel;
use lapin::options::BasicAckOptions;
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use uuid::Uuid;

use crate::contestants::contestant::Form;
use crate::contestants::handwritten::{
    self, ConfirmedPublisher, IncomingMessage, OutgoingMessage, confirmed, decide, lock_key,
    read_all,
};
use crate::saga4::business::{self, Move};

const BATCH: usize = 250;
/// One batch in the transaction and the next one.
const PREFETCH: u16 = 500;
/// After a batch of this size, the next one fills until its confirm.
const BUSY: usize = 8;
const LONGEST_FILL: Duration = Duration::from_millis(20);
/// The lane waits at this number of unconfirmed events. With a backlog it is faster than the broker, and memory would
/// grow.
const UNCONFIRMED: usize = 6000;

const OUTBOX: &str = "\
create table outbox (
    batch uuid not null,
    message_id uuid,
    saga_id uuid,
    cause uuid,
    event_type text,
    body text,
    created_at timestamptz not null default now()
) with (autovacuum_enabled = false);";

type PublishedMarks = Arc<Mutex<Vec<Uuid>>>;
type OutgoingBatch = (Uuid, Vec<OutgoingMessage>, Option<OwnedSemaphorePermit>);
type LedgerRows = HashMap<Uuid, Vec<(String, Option<String>)>>;

/// Runs the service until the process ends.
///
/// # Errors
///
/// If anything fails. A process manager would restart it.
pub async fn run(
    service: &'static str,
    amqp_url: &str,
    database_url: &str,
    form: Form,
) -> Result<()> {
    let pool = handwritten::database(database_url, OUTBOX, 4).await?;
    let publisher = ConfirmedPublisher::connect(amqp_url, service).await?;
    let marks = PublishedMarks::default();
    let (published, batches) = mpsc::unbounded_channel();
    let (confirmed, confirms) = watch::channel(Uuid::nil());
    publish_left_behind(&pool, &published).await?;
    let lane = Lane {
        service,
        bulk: form.bulk,
        pool: pool.clone(),
        marks: Arc::clone(&marks),
        published,
        confirms,
        unconfirmed: Arc::new(Semaphore::new(UNCONFIRMED)),
    };
    let (channel, deliveries) = handwritten::consume(amqp_url, service, PREFETCH).await?;
    tokio::select! {
        ended = lane.run(&channel, deliveries) => ended.context("the lane")?,
        ended = publish(&publisher, form.packs, batches, &marks, &confirmed) => ended.context("publishing")?,
        ended = flush(&pool, &marks) => ended.context("marking")?,
    }
    anyhow::bail!("the broker closed the consumer")
}

struct Lane {
    service: &'static str,
    bulk: bool,
    pool: PgPool,
    marks: PublishedMarks,
    published: mpsc::UnboundedSender<OutgoingBatch>,
    unconfirmed: Arc<Semaphore>,
    confirms: watch::Receiver<Uuid>,
}

impl Lane {
    async fn run(&self, channel: &Channel, mut deliveries: lapin::Consumer) -> Result<()> {
        let (mut last, mut emitted) = (0, Uuid::nil());
        let mut confirms = self.confirms.clone();
        loop {
            if last >= BUSY {
                let confirmed = confirms.wait_for(|confirmed| *confirmed >= emitted);
                let _confirmed_or_late = tokio::time::timeout(LONGEST_FILL, confirmed).await;
            }
            let Some(first) = deliveries.next().await else { return Ok(()) };
            let mut batch = Vec::new();
            read_all(&first?, &mut batch)?;
            while batch.len() < BATCH {
                let Some(Some(next)) = deliveries.next().now_or_never() else { break };
                read_all(&next?, &mut batch)?;
            }
            last = batch.len();
            let highest = batch.last().map_or(0, |message| message.tag);
            let events = self.transaction(batch).await?;
            channel.basic_ack(highest, BasicAckOptions { multiple: true }).await?;
            if let Some((batch, events)) = events {
                emitted = batch;
                let room = Arc::clone(&self.unconfirmed);
                let room = room.acquire_many_owned(u32::try_from(events.len())?).await?;
                self.published.send((batch, events, Some(room)))?;
            }
        }
    }

    /// Runs the transaction of one batch, which also writes the marks that are due.
    #[expect(clippy::disallowed_methods, reason = "there is no framework to open transactions")]
    async fn transaction(
        &self,
        batch: Vec<IncomingMessage>,
    ) -> Result<Option<(Uuid, Vec<OutgoingMessage>)>> {
        let marks = std::mem::take(&mut *lock(&self.marks));
        let mut keys: Vec<i64> = batch.iter().map(|message| lock_key(message.saga_id)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut ids: Vec<Uuid> = batch.iter().map(|message| message.message_id).collect();
        ids.sort_unstable();
        let mut sagas: Vec<Uuid> = batch.iter().map(|message| message.saga_id).collect();
        sagas.sort_unstable();
        sagas.dedup();

        let mut db = self.pool.begin().await?;
        // All locks in order, before the first row is written.
        let fresh: Vec<(Uuid,)> = sqlx::query_as(
            "with locked as materialized \
                 (select pg_advisory_xact_lock(key) from unnest($2::bigint[]) as key) \
             insert into inbox (message_id) select unnest($1::uuid[]) \
             where (select count(*) from locked) > 0 on conflict do nothing returning message_id",
        )
        .bind(&ids)
        .bind(&keys)
        .fetch_all(&mut *db)
        .await?;
        let mut fresh: HashSet<Uuid> = fresh.into_iter().map(|(id,)| id).collect();
        let rows: Vec<(Uuid, String, Option<String>)> =
            // `= any($1)` would keep a plan for a small table, and scan all of it.
            sqlx::query_as(
                "select l.* from unnest($1::uuid[]) as wanted (saga_id) cross join lateral \
                 (select saga_id, step, outcome from ledger l \
                     where l.saga_id = wanted.saga_id offset 0) l",
            )
            .bind(&sagas)
            .fetch_all(&mut *db)
            .await?;
        let mut ledger = LedgerRows::new();
        for (saga, step, outcome) in rows {
            ledger.entry(saga).or_default().push((step, outcome));
        }

        let mut written = BatchRows::default();
        let mut changes: Vec<Move> = Vec::new();
        for message in batch {
            if !fresh.remove(&message.message_id) {
                continue;
            }
            let rows = ledger.entry(message.saga_id).or_default();
            let effect = decide(self.service, &message, rows)?;
            for (step, outcome) in effect.ledger {
                rows.push((step.to_owned(), outcome.clone()));
                written.sagas.push(message.saga_id);
                written.steps.push(step);
                written.outcomes.push(outcome);
            }
            match effect.change {
                Some(change) if self.bulk => changes.push(change),
                Some(change) => business::apply(&mut db, &change).await?,
                None => {}
            }
            written.events.extend(effect.event);
        }
        business::apply_all(&mut db, &changes).await?;
        let id = handwritten::new_id();
        written.write(&mut db, id, &marks).await?;
        db.commit().await?;
        Ok((!written.events.is_empty()).then_some((id, written.events)))
    }
}

#[derive(Default)]
struct BatchRows {
    sagas: Vec<Uuid>,
    steps: Vec<&'static str>,
    outcomes: Vec<Option<String>>,
    events: Vec<OutgoingMessage>,
}

impl BatchRows {
    /// One statement for the ledger, the outbox and the marks.
    async fn write(
        &self,
        db: &mut sqlx::PgConnection,
        batch: Uuid,
        marks: &[Uuid],
    ) -> Result<(), sqlx::Error> {
        let events = &self.events;
        sqlx::query(
            "with noted as (insert into ledger (saga_id, step, outcome) \
                 select * from unnest($1::uuid[], $2::text[], $3::text[])), \
             marked as (insert into outbox (batch) select unnest($4::uuid[])) \
             insert into outbox (batch, message_id, saga_id, cause, event_type, body) \
             select $5, * from unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[])",
        )
        .bind(&self.sagas)
        .bind(&self.steps)
        .bind(&self.outcomes)
        .bind(marks)
        .bind(batch)
        .bind(events.iter().map(|event| event.message_id).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.saga_id).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.cause).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.event_type).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.body.as_str()).collect::<Vec<_>>())
        .execute(db)
        .await?;
        Ok(())
    }
}

fn lock(marks: &PublishedMarks) -> std::sync::MutexGuard<'_, Vec<Uuid>> {
    marks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Publishes batches in order. It awaits the confirms of a batch while it sends the next one.
async fn publish(
    publisher: &ConfirmedPublisher,
    packs: bool,
    mut batches: mpsc::UnboundedReceiver<OutgoingBatch>,
    marks: &PublishedMarks,
    done: &watch::Sender<Uuid>,
) -> Result<()> {
    let (sent, mut unconfirmed) = mpsc::unbounded_channel();
    let sending = async {
        while let Some((batch, events, room)) = batches.recv().await {
            let mut confirms = Vec::with_capacity(events.len());
            for message in messages(&events, packs) {
                confirms.push(publisher.send(&message).await?);
            }
            sent.send((batch, confirms, room))?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let confirming = async {
        while let Some((batch, confirms, room)) = unconfirmed.recv().await {
            for confirm in confirms {
                confirmed(confirm).await?;
            }
            drop(room);
            lock(marks).push(batch);
            done.send_replace(batch);
        }
        Ok(())
    };
    tokio::select! {
        ended = sending => ended,
        ended = confirming => ended,
    }
}

/// The events of each message. No batch has two events of one saga here, so that none overtakes another.
fn messages(events: &[OutgoingMessage], packs: bool) -> Vec<Vec<&OutgoingMessage>> {
    if !packs {
        return events.iter().map(|event| vec![event]).collect();
    }
    let mut types: BTreeMap<&str, Vec<&OutgoingMessage>> = BTreeMap::new();
    for event in events {
        types.entry(event.event_type).or_default().push(event);
    }
    types.into_values().collect()
}

async fn flush(pool: &PgPool, marks: &PublishedMarks) -> Result<()> {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let waiting = std::mem::take(&mut *lock(marks));
        if !waiting.is_empty() {
            sqlx::query("insert into outbox (batch) select unnest($1::uuid[])")
                .bind(&waiting)
                .execute(pool)
                .await?;
        }
    }
}

/// Committed by an earlier process, and not marked as published.
async fn publish_left_behind(
    pool: &PgPool,
    published: &mpsc::UnboundedSender<OutgoingBatch>,
) -> Result<()> {
    let rows: Vec<(Uuid, Uuid, Uuid, Uuid, String, String)> = sqlx::query_as(
        "select batch, message_id, saga_id, cause, event_type, body from outbox o \
         where message_id is not null and not exists \
             (select from outbox m where m.batch = o.batch and m.message_id is null)",
    )
    .fetch_all(pool)
    .await?;
    let mut batches: HashMap<Uuid, Vec<OutgoingMessage>> = HashMap::new();
    for (batch, message_id, saga_id, cause, event_type, body) in rows {
        let event_type = handwritten::known_type(&event_type)?;
        let event = OutgoingMessage { message_id, saga_id, cause, event_type, body };
        batches.entry(batch).or_default().push(event);
    }
    for (batch, events) in batches {
        published.send((batch, events, None))?;
    }
    Ok(())
}
