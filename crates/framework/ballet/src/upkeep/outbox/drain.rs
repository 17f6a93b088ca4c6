//! Looks at one outbox table, and publishes what was left behind in it.
//!
//! Left behind are batches of dead processes, and those of this process that are not in its memory,
//! since a commit succeeded after the session was lost, or memory was full. They are read back in
//! portions, whenever the publisher has room. A table is short, so a portion costs little more than
//! what it brings.

use std::time::{Duration, Instant};

use ballet_amqp::{BatchId, Handover, PublishedBatch};
use ballet_core::fault::{self, FaultPoint};
use ballet_store::database::connection::patient;
use ballet_store::outbox::left_behind;
use ballet_store::outbox::left_behind::{LoadedBatch, TableLook, UnmarkedBatch};
use ballet_store::outbox::wire::OutgoingEvent;

use crate::declare::handler::database_wait::{answered, patiently};
use crate::declare::handler::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::outgoing::packs;
use crate::outgoing::publishing::PublishSpans;
use crate::upkeep::outbox::other_processes::OtherProcesses;

/// The maximum number of batches that a look lists.
const LIST: i64 = 50_000;
/// The number of events that are read back at a time, unless one batch is larger.
const PORTION_EVENTS: usize = 3_000;
const PORTION_BYTES: usize = 64 * 1024 * 1024;
/// How long to wait for room in the publisher's memory before other tables are looked at.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
pub(crate) enum DrainResult {
    /// All that was left behind is on its way. A `settled` table had a mark for each batch already.
    Done { took: Duration, settled: bool },
    /// The publisher's memory is full.
    NoRoom,
}

pub(crate) async fn drain(
    engine: &Engine,
    table: i16,
    others: &mut OtherProcesses,
) -> Result<DrainResult, Failure> {
    let relay = &engine.relay;
    loop {
        let noted = relay.turns.left().get(&table).copied();
        let begun = Instant::now();
        let found = look(engine, table, others).await?;
        let took = begun.elapsed();
        let is_whole = i64::try_from(found.left.len()).unwrap_or(i64::MAX) < LIST;
        let mut left = &*found.left;
        let settled = found.unmarked == 0;
        while !left.is_empty() {
            if !has_room(engine).await {
                let events = left.iter().map(|batch| batch.events).sum();
                let since = left.iter().map(|batch| batch.since).min();
                relay.turns.looked(table, noted, settled, events, since);
                return Ok(DrainResult::NoRoom);
            }
            let (portion, rest) = left.split_at(portion(left));
            publish(engine, table, portion).await?;
            left = rest;
        }
        relay.turns.looked(table, noted, settled, 0, None);
        if is_whole {
            return Ok(DrainResult::Done { took, settled });
        }
    }
}

/// Reads back the events that waited until somebody repaired the broker, and may be tried again.
pub(crate) async fn read_back(engine: &Engine) -> Result<(), Failure> {
    let Some(publisher) = engine.relay.publisher() else { return Ok(()) };
    let held = &engine.relay.held;
    while held.has_due(publisher.releases()) && has_room(engine).await {
        let due = held.take_due(publisher.releases(), PORTION_EVENTS, PORTION_BYTES);
        let Some(table) = due.first().map(|(batch, _)| batch.table) else { return Ok(()) };
        let positions: Vec<(BatchId, Vec<i32>)> =
            due.iter().map(|(batch, events)| (*batch, events.positions.clone())).collect();
        let loaded =
            engine.database.ask(async |db| left_behind::load_some(db, table, &positions).await);
        match loaded.await {
            Ok(loaded) => hand_over(engine, table, loaded),
            Err(failure) => {
                // A look at the table would publish all of them, later ones first.
                due.into_iter().for_each(|(batch, events)| held.add(batch, events));
                return Err(failure);
            }
        }
    }
    Ok(())
}

async fn look(
    engine: &Engine,
    table: i16,
    others: &mut OtherProcesses,
) -> Result<TableLook, Failure> {
    let relay = &engine.relay;
    let mut db = answered(engine.database.upkeep.acquire()).await?;
    loop {
        // Batches that begin after this point are in memory, and this look ignores them.
        let next = relay.next_number();
        let live_before = relay.live_of_table(table);
        let alive = others.alive();
        let mut transaction = patient(&mut db).await?;
        let found = left_behind::look(&mut transaction, table, &live_before, &alive, LIST);
        let mut found = patiently(found).await?;
        answered(transaction.rollback()).await?;
        // A process may have written marks after we looked and before it ended. So look again.
        let owners = found.left.iter().map(|left| left.batch.process);
        if others.check_new(&mut db, relay.process, owners).await? {
            continue;
        }
        found.left.retain(|UnmarkedBatch { batch, .. }| {
            let ours = batch.process == relay.process;
            if ours { batch.number < next } else { others.knows_gone(batch.process) }
        });
        return Ok(found);
    }
}

fn portion(left: &[UnmarkedBatch]) -> usize {
    let (mut events, mut bytes) = (0, 0);
    let fits = |batch: &&UnmarkedBatch| {
        events += usize::try_from(batch.events).unwrap_or_default();
        bytes += usize::try_from(batch.bytes).unwrap_or_default();
        events <= PORTION_EVENTS && bytes <= PORTION_BYTES
    };
    left.iter().take_while(fits).count().max(1)
}

async fn has_room(engine: &Engine) -> bool {
    let Some(publisher) = engine.relay.publisher() else { return false };
    let mut stopping = engine.stopping.clone();
    tokio::select! {
        biased;
        () = stopped(&mut stopping) => false,
        () = publisher.room() => true,
        () = tokio::time::sleep(WAIT_FOR_ROOM) => false,
    }
}

async fn publish(engine: &Engine, table: i16, portion: &[UnmarkedBatch]) -> Result<(), Failure> {
    let adopt = |left: &&UnmarkedBatch| {
        engine.relay.adopt(left.batch, usize::try_from(left.events).unwrap_or_default(), left.since)
    };
    let left: Vec<BatchId> = portion.iter().filter(adopt).map(|left| left.batch).collect();
    let loaded = engine.database.ask(async |db| left_behind::load(db, table, &left).await);
    let loaded = loaded.await;
    // The next look finds them again.
    let loaded =
        loaded.inspect_err(|_| left.iter().for_each(|batch| engine.relay.leave(*batch)))?;
    hand_over(engine, table, loaded);
    Ok(())
}

fn hand_over(engine: &Engine, table: i16, loaded: Vec<LoadedBatch>) {
    let relay = &engine.relay;
    let Some(publisher) = relay.publisher() else { return };
    let events: usize = loaded.iter().map(|loaded| loaded.events.len()).sum();
    let batches = loaded.len();
    tracing::info!(batches, events, table, "publishing events that were left behind");
    for LoadedBatch { batch, events, positions, unreadable } in loaded {
        relay.read_back(batch, positions, unreadable);
        if events.is_empty() {
            relay.published(PublishedBatch { batch, unpublishable: Vec::new(), left_behind: None });
            continue;
        }
        fault::remember(&batch, &*events);
        fault::point(FaultPoint::BeforeSweep, &*events);
        let service = engine.registry.service;
        let events = events.into_iter().map(|event| OutgoingEvent::stored(service, event));
        let events: Vec<OutgoingEvent> = events.collect();
        relay.begin_spans(batch, |spans, clock| PublishSpans::begin(spans, clock, &events));
        if publisher.send(packs::batch(&engine.registry, batch, events)) != Handover::Queued {
            relay.leave(batch);
        }
    }
}
