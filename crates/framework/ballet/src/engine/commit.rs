//! How a transaction ends: checks, writes, commit, and what it sets off.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::BatchId;
use ballet_core::fault::{self, FaultPoint, WorksOn};
use ballet_store::calls::stored as calls;
use ballet_store::calls::stored::NewCall;
use ballet_store::ledger::rows::{AddedRows, Columns, Ledger};
use ballet_store::outbox::batches as outbox;
use ballet_store::outbox::batches::Mark;
use ballet_store::outbox::event::{EmittedEvent, EventSource};
use ballet_store::outbox::wire::OutgoingEvent;
use jiff::Timestamp;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::{Failure, FailureKind};
use crate::declare::handler::tx::Scope;
use crate::engine::caller;
use crate::engine::calls::open_calls::Claim;
use crate::engine::engine::Engine;
use crate::engine::transaction::Transaction;
use crate::outgoing::begun_batch::BegunBatch;
use crate::outgoing::packs;
use crate::outgoing::publishing::PublishSpans;

/// Writes ledger, calls, outbox and marks, and commits. When this returns, the events are being
/// published, and the calls made. Marks belong to one table, and are written only if it is current.
pub(crate) async fn commit(
    mut open: Transaction<'_>,
    marks: &[Mark],
) -> Result<CommitResult, Failure> {
    let engine = Arc::clone(&open.engine);
    // Readers of an emptied copy go by the latest time at which an event may have been made.
    let made_at = engine.time.shared.latest();
    open.check_open()?;
    let works_on = fault::works_on(|| what_it_works_on(&open.ledger, &open.scope.emitted));
    fault::point(FaultPoint::AfterHandler, &works_on);
    check_declared(&engine, &open.scope.emitted)?;

    let ledger = std::mem::take(&mut open.ledger);
    let added = ledger.to_write();
    write_ledger(&mut open, &added).await?;
    let claims = write_calls(&engine, &mut open).await?;
    let WrittenOutbox { emitted, mut begun, marks, has_marks } =
        write_outbox(&engine, &mut open, &added.timed, marks).await?;
    let Transaction { db, scope: Scope { hurried, .. }, calls, spans, .. } = open;
    let batch = begun.as_ref().map(|begun| begun.batch);
    if let Some(batch) = &batch {
        fault::remember(batch, &*emitted);
    }

    fault::point(FaultPoint::BeforeCommit, &works_on);
    fault::point(FaultPoint::BeforeMark, marks);
    answered(db.commit()).await.map_err(failed_at_commit)?;
    if let Some(begun) = &mut begun {
        begun.committed();
    }
    fault::point(FaultPoint::AfterCommit, &works_on);
    fault::point(FaultPoint::AfterMark, marks);

    spans.into_iter().for_each(|span| engine.spans.record(span));
    if let Some(batch) = batch {
        publish(&engine, batch, emitted, made_at);
    }
    make(&engine, calls, claims);
    if hurried {
        engine.calls.look_now();
    }
    Ok(CommitResult { batch, has_marks })
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitResult {
    pub(crate) batch: Option<BatchId>,
    pub(crate) has_marks: bool,
}

/// Refuses what the broker or a receiver would refuse, since here that costs only this transaction.
fn check_declared(engine: &Engine, emitted: &[EmittedEvent]) -> Result<(), Failure> {
    let registry = &engine.registry;
    for emitted in emitted {
        let event = emitted.event.event_type;
        // An event that the framework emits has a row in the ledger. If a handler published it,
        // others would act on something that has not happened here.
        let is_declared = match emitted.source {
            EventSource::Handler => registry.publishes(event),
            EventSource::Ledger | EventSource::Upkeep => registry.emits(event),
        };
        if !is_declared {
            // A refusal by the broker would cost the whole channel.
            return Err(Failure::permanent(format!(
                "{} does not declare that it publishes {event} so: a step returns its outcome, `Unit` begins and aborts \
                 sagas, and other events are named by `publishes`",
                registry.service
            )));
        }
        let (bytes, limit) = (emitted.event.body.len(), engine.limits.max_body);
        if bytes > limit {
            return Err(Failure::permanent(format!(
                "{event} would have a body of {bytes} bytes, the limit (MAX_BODY) is {limit}: \
                 receivers would not take it"
            )));
        }
    }
    Ok(())
}

/// Leaves out the rows of the ledger that go with the events.
async fn write_ledger(open: &mut Transaction<'_>, added: &AddedRows<'_>) -> Result<(), Failure> {
    let Transaction { db, scope, deadlines, copied, .. } = open;
    let emits = !scope.emitted.is_empty();
    answered(added.write(db, emits, scope.now)).await?;
    if added.is_empty() && !emits {
        // A handler that swallowed a statement's error left the transaction broken, and a commit
        // would roll back silently.
        answered(sqlx::query("select 1").execute(&mut **db)).await?;
    }
    deadlines.flush(db).await?;
    answered(copied.flush(db)).await
}

/// Claims the calls that there is room for.
async fn write_calls(
    engine: &Engine,
    open: &mut Transaction<'_>,
) -> Result<Vec<Option<Claim>>, Failure> {
    let Transaction { db, scope, calls, .. } = open;
    let claims = engine.calls.claim_new(calls);
    if !calls.is_empty() {
        let claimed_for: Vec<_> =
            claims.iter().map(|claim| claim.as_ref().map(Claim::time)).collect();
        answered(calls::insert(db, engine.relay.process, calls, &claimed_for, scope.now)).await?;
    }
    Ok(claims)
}

struct WrittenOutbox<'a> {
    emitted: Vec<EmittedEvent>,
    begun: Option<BegunBatch<'a>>,
    marks: &'a [Mark],
    has_marks: bool,
}

async fn write_outbox<'a>(
    engine: &'a Engine,
    open: &mut Transaction<'_>,
    timed: &Columns<'_>,
    marks: &'a [Mark],
) -> Result<WrittenOutbox<'a>, Failure> {
    let Transaction { db, scope, .. } = open;
    let now = scope.now;
    let emitted = std::mem::take(&mut scope.emitted);
    let emits = !emitted.is_empty();
    let table = engine.relay.turns.current();
    let has_marks = marks.first().is_none_or(|mark| mark.batch.table == table);
    let marks = if has_marks { marks } else { &[] };
    // They ride in one statement with the events, but for those with events that are copied.
    let along = |mark: &&Mark| emits && mark.dead.is_empty();
    let (along, apart): (Vec<&Mark>, Vec<&Mark>) = marks.iter().partition(along);
    answered(outbox::mark(db, &apart, now)).await?;
    let along: Vec<BatchId> = along.into_iter().map(|mark| mark.batch).collect();
    // In memory before the commit is sent, since the sweeper takes a batch that it does not see
    // there for left behind.
    let mut begun = emits.then(|| BegunBatch::new(&engine.relay, table, emitted.len(), now));
    if let Some(begun) = &mut begun {
        let written = outbox::insert(db, begun.batch, &emitted, timed, &along, now);
        if let Err(failure) = answered(written).await {
            begun.forget();
            return Err(failure);
        }
    }
    Ok(WrittenOutbox { emitted, begun, marks, has_marks })
}

fn publish(engine: &Engine, batch: BatchId, emitted: Vec<EmittedEvent>, made_at: Timestamp) {
    let service = engine.registry.service;
    let relay = &engine.relay;
    let events = emitted.into_iter().map(|event| OutgoingEvent::emitted(service, event, made_at));
    let events: Vec<OutgoingEvent> = events.collect();
    relay.begin_spans(batch, |spans, clock| PublishSpans::begin(spans, clock, &events));
    relay.committed(packs::batch(&engine.registry, batch, events));
}

/// The calls that are not claimed are due, for any process that has room.
fn make(engine: &Arc<Engine>, calls: Vec<NewCall>, claims: Vec<Option<Claim>>) {
    for (call, claim) in calls.into_iter().zip(claims) {
        match claim {
            Some(claim) => caller::make(engine, call, claim),
            None => engine.calls.look_after(&call, Duration::ZERO),
        }
    }
}

fn what_it_works_on(ledger: &Ledger, emitted: &[EmittedEvent]) -> Vec<String> {
    let rows: Vec<String> =
        ledger.added().map(|row| format!("{}:{}", row.entry.as_str(), row.step)).collect();
    if rows.is_empty() { emitted.names() } else { rows }
}

/// Adds to a handler's error that only the commit showed it, as with a deferred constraint. Only
/// here may a lost connection hide whether the transaction took effect.
fn failed_at_commit(failure: Failure) -> Failure {
    match failure.kind() {
        FailureKind::Conflict
        | FailureKind::Permanent
        | FailureKind::NotYet
        | FailureKind::ConnectionLost => failure.of_commit(),
        FailureKind::Transient => Failure::transient(format!("the commit failed: {failure}")),
    }
}
