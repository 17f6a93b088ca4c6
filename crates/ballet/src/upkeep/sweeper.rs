//! The sweeper: publishes batches and makes calls that were left behind, and truncates outbox
//! tables.
//!
//! Left behind are batches and calls of dead processes, and those of this process that are not in
//! its memory: a commit may have succeeded after the session was lost, or memory was full. One
//! sweep at the start would not be enough.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{BatchId, Handed, OutBatch, Published, jittered};
use ballet_fault::{self as fault, FaultPoint};
use jiff::Timestamp;
use sqlx::PgConnection;

use crate::declare::failure::{Failure, FailureKind};
use crate::engine::caller::make;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::outgoing::publishing::Publishing;
use crate::outgoing::wire;
use crate::tables::database::{answered, begin};
use crate::tables::outbox::{Loaded, Mark, TABLES, Unpublished};
use crate::tables::{calls, outbox, process};

const EVERY: Duration = Duration::from_secs(2);
/// The idle time after which marks are written without a batch.
const IDLE: Duration = Duration::from_millis(100);
/// The maximum number of batches read at a time.
const PORTION: i64 = 500;

/// Sweeps every few seconds until the service stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    // Services that start together would otherwise sweep one database server at the same moments.
    let mut pause = jittered(EVERY);
    loop {
        match sweep(&engine).await {
            Ok(()) => {}
            Err(failure) => {
                tracing::warn!("a sweep failed; the next one is in {pause:?}: {failure}");
                if failure.kind() == FailureKind::ConnectionLost {
                    engine.database_answers(false);
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = EVERY,
            () = stopped(&mut stopping) => return,
        }
    }
}

async fn sweep(engine: &Arc<Engine>) -> Result<(), Failure> {
    let mut db = answered(engine.pool.acquire()).await?;
    let mut others = Others::default();
    let (mut waiting, mut oldest) = (0, None);
    for table in 0..TABLES {
        let found = sweep_table(engine, &mut db, table, &mut others).await?;
        waiting += found.events;
        oldest = [oldest, found.since].into_iter().flatten().min();
        let now = engine.clock.now();
        if found.events == 0 && table != outbox::table_at(now) {
            answered(truncate(engine, table)).await?;
        }
    }
    sweep_calls(engine, &mut db, &mut others).await?;
    gauge("ballet_outbox_unpublished", waiting);
    gauge("ballet_calls_open", answered(calls::count_open(&mut db)).await?);
    let age = |since: Timestamp| engine.clock.now().duration_since(since).as_secs_f64();
    ballet_amqp::gauge!("ballet_outbox_oldest_seconds").set(oldest.map_or(0.0, age));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn gauge(name: &'static str, value: i64) {
    ballet_amqp::gauge!(name).set(value as f64);
}

/// The other processes seen during one sweep, and whether each is gone.
#[derive(Default)]
struct Others(HashMap<i64, bool>);

impl Others {
    async fn is_gone(&mut self, db: &mut PgConnection, process: i64) -> Result<bool, Failure> {
        Ok(match self.0.entry(process) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                *unknown.insert(answered(process::is_gone(db, process)).await?)
            }
        })
    }

    fn knows_gone(&self, process: i64) -> bool {
        self.0.get(&process) == Some(&true)
    }

    fn alive(&self) -> Vec<i64> {
        self.0.iter().filter(|(_, gone)| !**gone).map(|(process, _)| *process).collect()
    }

    /// Checks the processes that are not known yet. Returns true if there were any.
    async fn check_new(
        &mut self,
        db: &mut PgConnection,
        own: i64,
        batches: &[BatchId],
    ) -> Result<bool, Failure> {
        let before = self.0.len();
        for batch in batches.iter().filter(|batch| batch.process != own) {
            self.is_gone(db, batch.process).await?;
        }
        Ok(self.0.len() > before)
    }
}

/// Publishes the batches that were left behind in a table. Returns the result of the last look.
async fn sweep_table(
    engine: &Arc<Engine>,
    db: &mut PgConnection,
    table: i16,
    others: &mut Others,
) -> Result<Unpublished, Failure> {
    let relay = &engine.relay;
    loop {
        // Batches that begin after this point are in memory, and this sweep ignores them.
        let next = relay.next_number();
        let live_before = relay.live_of_table(table);
        let alive = others.alive();
        let found = outbox::unpublished(db, table, &live_before, &alive, PORTION);
        let mut found = answered(found).await?;
        // A process may have written marks after we looked and before it ended. So look again.
        if others.check_new(db, relay.process, &found.batches).await? {
            continue;
        }
        let whole_portion = found.batches.len() == usize::try_from(PORTION).unwrap_or_default();
        let Some(publisher) = relay.publisher().filter(|publisher| publisher.has_room()) else {
            return Ok(found);
        };
        found.batches.retain(|batch| {
            let ours = batch.process == relay.process;
            let left = if ours { batch.number < next } else { others.knows_gone(batch.process) };
            left && relay.adopt(*batch)
        });
        let left = &found.batches;
        if left.is_empty() {
            return Ok(found);
        }
        let loaded = answered(outbox::load(db, table, left)).await;
        let loaded = loaded.inspect_err(|_| left.iter().for_each(|batch| relay.forget(*batch)))?;
        let events: usize = loaded.iter().map(|loaded| loaded.events.len()).sum();
        tracing::info!(batches = left.len(), events, "publishing batches that were left behind");
        for Loaded { batch, events, positions, unreadable } in loaded {
            relay.read_back(batch, positions, unreadable);
            if events.is_empty() {
                relay.published(Published { batch, unpublishable: Vec::new() });
                continue;
            }
            fault::remember(&batch, &*events);
            fault::point(FaultPoint::BeforeSweep, &*events);
            let service = engine.registry.service;
            let publishing = Publishing::begin_stored(&engine.spans, &engine.clock, &events);
            relay.watch(batch, publishing);
            let messages =
                events.into_iter().map(|event| wire::publish_stored(service, event)).collect();
            if publisher.send(OutBatch { batch, messages }) != Handed::Queued {
                relay.forget(batch);
            }
        }
        if !whole_portion {
            return Ok(found);
        }
    }
}

async fn sweep_calls(
    engine: &Arc<Engine>,
    db: &mut PgConnection,
    others: &mut Others,
) -> Result<(), Failure> {
    let in_memory = engine.calls.keys();
    for (process, call) in answered(calls::open(db, &in_memory, engine.clock.now())).await? {
        let ours = process == engine.relay.process;
        // A replica of another version makes the call of a step that this version does not know.
        if (!ours && !others.is_gone(db, process).await?)
            || engine.registry.step(&call.step).is_none()
        {
            continue;
        }
        if engine.calls.adopt(call.key) {
            fault::point(FaultPoint::BeforeTakeOver, &call);
            answered(calls::take_over(db, call.key, engine.relay.process))
                .await
                .inspect_err(|_| engine.calls.forget([&call]))?;
            fault::point(FaultPoint::AfterTakeOver, &call);
            tracing::info!(step = call.step, key = %call.key, "making a call that was left behind");
            make(engine, call);
        }
    }
    Ok(())
}

async fn truncate(engine: &Engine, table: i16) -> Result<(), Failure> {
    let mut transaction = begin(&engine.pool).await?;
    match outbox::truncate(&mut transaction, table).await {
        Ok(truncated) => {
            if truncated {
                fault::point(FaultPoint::BeforeTables, "truncate");
                transaction.commit().await?;
                fault::point(FaultPoint::AfterTables, "truncate");
                ballet_amqp::counter!("ballet_outbox_truncations_total").increment(1);
            }
            Ok(())
        }
        // Another session writes to the table. The next sweep tries again.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the marks that no batch's transaction includes, once no batch has begun for a moment.
pub(crate) async fn flush_marks(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        tokio::select! {
            () = engine.relay.marked.notified() => {}
            () = stopped(&mut stopping) => return,
        }
        loop {
            let before = engine.relay.idle_since();
            tokio::time::sleep(IDLE).await;
            let idle = before.is_some() && engine.relay.idle_since() == before;
            if idle || *stopping.borrow() {
                break;
            }
        }
        if let Err(failure) = flush_now(&engine).await {
            tracing::debug!("marks could not be written: {failure}");
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Writes all waiting marks.
pub(crate) async fn flush_now(engine: &Engine) -> Result<(), Failure> {
    if !engine.relay.has_marks() {
        return Ok(());
    }
    let marks = engine.relay.take_marks();
    let written = async {
        let mut transaction = begin(&engine.pool).await?;
        let all: Vec<&Mark> = marks.iter().collect();
        outbox::mark(&mut transaction, &all, engine.clock.now()).await?;
        fault::point(FaultPoint::BeforeMark, &*marks);
        transaction.commit().await
    };
    match answered(written).await {
        Ok(()) => {
            fault::point(FaultPoint::AfterMark, &*marks);
            engine.relay.marks_committed(&marks);
            Ok(())
        }
        Err(error) => {
            engine.relay.give_back(marks);
            Err(error)
        }
    }
}
