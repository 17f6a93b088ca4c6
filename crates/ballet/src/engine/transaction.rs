//! One local transaction: business rows, ledger, calls and outbox commit together or not at all.
//!
//! A batch of messages is one, and so is what an HTTP handler originates.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::BatchId;
use ballet_core::{MessageId, SagaId};
use ballet_fault::{self as fault, FaultPoint, WorksOn};
use ballet_store::calls::key::{CallKey, Purpose};
use ballet_store::calls::stored as calls;
use ballet_store::calls::stored::NewCall;
use ballet_store::copies::copied::Copied;
use ballet_store::database::connection::begin;
use ballet_store::deadlines::Deadlines;
use ballet_store::inbox::messages as inbox;
use ballet_store::inbox::messages::{NewMessage, Received};
use ballet_store::ledger::entry::{Entry, StepKey};
use ballet_store::ledger::event::Encoded;
use ballet_store::ledger::rows::{Ledger, NewRow, Row};
use ballet_store::outbox::batches as outbox;
use ballet_store::outbox::batches::Mark;
use ballet_store::outbox::event::Emitted;
use ballet_store::trace::Trace;
use sqlx::{Connection, PgConnection, Postgres};

use crate::declare::answered::answered;
use crate::declare::failure::{Failure, FailureKind};
use crate::declare::saga_entry::SagaEntry;
use crate::declare::tx::{Scope, Tx};
use crate::engine::caller;
use crate::engine::engine::Engine;
use crate::engine::open_calls::Claim;
use crate::outgoing::begun::Begun;
use crate::outgoing::publishing::Publishing;
use crate::outgoing::spans::Span;
use crate::outgoing::wire;

pub(crate) struct Transaction<'db> {
    pub(crate) engine: Arc<Engine>,
    db: sqlx::Transaction<'db, Postgres>,
    pub(crate) scope: Scope,
    pub(crate) ledger: Ledger,
    pub(crate) calls: Vec<NewCall>,
    pub(crate) deadlines: Deadlines,
    pub(crate) copied: Copied,
    /// The handlers that have run: they count once the transaction has committed.
    pub(crate) spans: Vec<Span>,
}

impl Transaction<'static> {
    /// Opens a transaction for upkeep.
    pub(crate) async fn begin(engine: Arc<Engine>) -> Result<Self, Failure> {
        let db = begin(&engine.pool).await?;
        Ok(Self::new(engine, db))
    }

    /// Opens a transaction for an HTTP request.
    pub(crate) async fn begin_for_request(engine: Arc<Engine>) -> Result<Self, Failure> {
        let db = begin(&engine.request_pool).await?;
        Ok(Self::new(engine, db))
    }
}

impl<'db> Transaction<'db> {
    /// Opens a transaction on a connection that the caller keeps.
    pub(crate) async fn begin_on(
        engine: Arc<Engine>,
        connection: &'db mut PgConnection,
    ) -> Result<Self, Failure> {
        let db = begin(connection).await?;
        Ok(Self::new(engine, db))
    }

    fn new(engine: Arc<Engine>, db: sqlx::Transaction<'db, Postgres>) -> Self {
        let scope = Scope::new(engine.clock.clone());
        let (ledger, calls, deadlines) = (Ledger::default(), Vec::new(), Deadlines::default());
        let copied = Copied::default();
        Self { engine, db, scope, ledger, calls, deadlines, copied, spans: Vec::new() }
    }

    /// Fails if a handler has ended the transaction. What came after would commit by itself, one
    /// statement at a time. sqlx ends it if a savepoint of its own is cancelled while it begins.
    pub(crate) fn check_open(&self) -> Result<(), Failure> {
        if self.db.is_in_transaction() {
            return Ok(());
        }
        Err(Failure::transient(
            "the handler ended the transaction: it may have begun one on `tx.db()`, and been \
             cancelled; use `tx.attempt`",
        ))
    }

    pub(crate) fn db(&mut self) -> &mut PgConnection {
        &mut self.db
    }

    pub(crate) fn tx(&mut self) -> Tx<'_> {
        Tx::new(&mut self.db, &mut self.scope)
    }

    /// The connection and the ledger side by side.
    pub(crate) fn db_and_ledger(&mut self) -> (&mut PgConnection, &mut Ledger) {
        (&mut self.db, &mut self.ledger)
    }

    pub(crate) fn add(
        &mut self,
        saga_id: SagaId,
        at: StepKey<'_>,
        entry: Entry,
        event: Option<Encoded>,
    ) {
        self.add_row(saga_id, at, entry, "", event);
    }

    pub(crate) fn add_row(
        &mut self,
        saga_id: SagaId,
        at: StepKey<'_>,
        entry: Entry,
        arrived: &str,
        event: Option<Encoded>,
    ) {
        let (StepKey { step, key }, cause) = (at, self.scope.cause);
        self.ledger.add(saga_id, NewRow { step, key, entry, arrived, event, cause });
    }

    /// The rows of one saga. Another saga may have the same id.
    pub(crate) fn rows_of<'a>(
        &'a self,
        saga: &'a SagaEntry,
        saga_id: SagaId,
    ) -> impl Iterator<Item = &'a Row> {
        let rows = self.ledger.rows(saga_id).iter();
        rows.filter(|row| self.engine.registry.is_of(saga, row))
    }

    /// Whether the saga is aborted. Its tombstone has no step and covers all of them.
    pub(crate) fn is_aborted(&self, saga: &SagaEntry, saga_id: SagaId) -> bool {
        let mut aborted =
            self.ledger.rows(saga_id).iter().filter(|row| row.entry == Entry::Aborted);
        aborted.any(|row| row.step.is_empty() && self.engine.registry.is_of(saga, row))
    }

    /// Whether one repetition of a step, or the whole saga, is to be undone.
    pub(crate) fn is_taken_back(&self, saga: &SagaEntry, saga_id: SagaId, at: StepKey<'_>) -> bool {
        let of_key = |row: &Row| row.step == at.step && row.key == at.key;
        self.ledger.rows(saga_id).iter().any(|row| row.entry == Entry::Aborted && of_key(row))
            || self.is_aborted(saga, saga_id)
    }

    /// Requests a call, whose row in the ledger has been added.
    pub(crate) fn call(
        &mut self,
        saga: &SagaEntry,
        saga_id: SagaId,
        at: StepKey<'_>,
        undo: bool,
        request: String,
    ) {
        let entry = if undo { Entry::Compensating } else { Entry::Calling };
        let purpose = Purpose {
            service: self.engine.registry.service,
            saga: saga.saga,
            saga_id,
            step: at.step,
            step_key: at.key,
            undo,
            ordinal: self.ledger.count(saga_id, at, entry).saturating_sub(1),
        };
        self.calls.push(NewCall {
            key: CallKey::of(purpose),
            saga_id,
            step: at.step.to_owned(),
            step_key: at.key.to_owned(),
            undo,
            request,
            cause: self.scope.cause,
            trace: self.scope.trace.clone(),
            created_at: self.scope.now,
            attempts: 0,
            is_repeated: false,
            is_stored: false,
        });
    }

    pub(crate) async fn stored_body(
        &mut self,
        saga_id: SagaId,
        row: &Row,
    ) -> Result<String, Failure> {
        let (db, ledger) = self.db_and_ledger();
        ledger.body(db, saga_id, row).await?.ok_or_else(|| {
            let (entry, step) = (row.entry.as_str(), &row.step);
            Failure::permanent(format!(
                "the ledger has no event for {entry} {step} of saga {saga_id}"
            ))
        })
    }

    /// What the following is related to.
    pub(crate) fn enter(
        &mut self,
        saga_id: Option<SagaId>,
        cause: Option<MessageId>,
        trace: Option<Trace>,
    ) {
        self.scope.enter(saga_id, cause, trace);
    }

    /// Takes the locks of all sagas that this transaction works on, and reads the ledger of them;
    /// says which of the messages are new, and what is known of the others. Before anything else.
    pub(crate) async fn receive(
        &mut self,
        sagas: &[SagaId],
        messages: &[NewMessage],
    ) -> Result<Received, Failure> {
        let now = self.engine.shared_clock.latest();
        answered(inbox::receive(&mut self.db, &mut self.ledger, sagas, messages, now)).await
    }

    /// Writes ledger, calls, outbox and marks, and commits. What was emitted is on its way to the
    /// broker, and the calls are being made, when this returns. All marks are of one table, and are
    /// written only if that is the table that is written to.
    pub(crate) async fn commit(mut self, marks: &[Mark]) -> Result<Committed, Failure> {
        self.check_open()?;
        let Self { engine, db, scope, ledger, calls, deadlines, copied, spans } = &mut self;
        let engine = Arc::clone(engine);
        let now = scope.now;
        let Scope { witness, emitted, .. } = &mut *scope;
        answered(witness.check(db, emitted)).await?;
        let works_on = fault::works_on(|| what_it_works_on(ledger, &scope.emitted));
        fault::point(FaultPoint::AfterHandler, &works_on);
        for emitted in &scope.emitted {
            let event = emitted.event.event_type;
            if !engine.registry.emits(event) {
                // Checked here, because a refusal by the broker would cost the whole channel.
                return Err(Failure::permanent(format!(
                    "{} does not declare that it publishes {event}: add `.publishes` to its \
                     participant",
                    engine.registry.service
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
        let added = ledger.take_added();
        let emits = !scope.emitted.is_empty();
        answered(added.write(db, emits, now)).await?;
        if added.is_empty() && !emits {
            // A handler that swallowed the error of a statement left the transaction broken; a
            // commit would roll back without a word, so the transaction has to show that it works.
            answered(sqlx::query("select 1").execute(&mut **db)).await?;
        }
        deadlines.flush(db, engine.shared_clock.settled()).await?;
        answered(copied.flush(db)).await?;
        let claims = engine.calls.claim_new(calls);
        if !calls.is_empty() {
            let claimed_for: Vec<_> =
                claims.iter().map(|claim| claim.as_ref().map(Claim::time)).collect();
            answered(calls::insert(db, engine.relay.process, calls, &claimed_for, now)).await?;
        }
        let table = engine.relay.turns.current();
        let has_marks = marks.first().is_none_or(|mark| mark.batch.table == table);
        let marks = if has_marks { marks } else { &[] };
        // They ride in one statement with the events, but for those with events that are copied.
        let along = |mark: &&Mark| emits && mark.dead.is_empty();
        let (along, apart): (Vec<&Mark>, Vec<&Mark>) = marks.iter().partition(along);
        answered(outbox::mark(db, &apart, now)).await?;
        let along: Vec<BatchId> = along.into_iter().map(|mark| mark.batch).collect();
        let emitted = std::mem::take(&mut scope.emitted);
        // In memory before the commit is sent: what the sweeper finds and does not see there it
        // takes for left behind.
        let mut begun = emits.then(|| Begun::new(&engine.relay, table, emitted.len(), now));
        let batch = begun.as_ref().map(|begun| begun.batch);
        if let Some(begun) = &mut begun {
            let written = outbox::insert(db, begun.batch, &emitted, &added.timed, &along, now);
            if let Err(failure) = answered(written).await {
                begun.forget();
                return Err(failure);
            }
        }
        let (calls, spans) = (std::mem::take(calls), std::mem::take(spans));
        if let Some(batch) = &batch {
            fault::remember(batch, &*emitted);
        }
        fault::point(FaultPoint::BeforeCommit, &works_on);
        fault::point(FaultPoint::BeforeMark, marks);
        let committed = answered(self.db.commit()).await;
        committed.map_err(failed_at_commit)?;
        if let Some(begun) = &mut begun {
            begun.committed();
        }
        fault::point(FaultPoint::AfterCommit, &works_on);
        fault::point(FaultPoint::AfterMark, marks);
        spans.into_iter().for_each(|span| engine.spans.record(span));
        if let Some(batch) = batch {
            let service = engine.registry.service;
            let publishing = Publishing::begin(&engine.spans, &engine.clock, &emitted);
            engine.relay.watch(batch, publishing);
            let messages = emitted.iter().map(|e| wire::publish(service, e, now)).collect();
            engine.relay.committed(batch, messages);
        }
        for (call, claim) in calls.into_iter().zip(claims) {
            match claim {
                Some(claim) => caller::make(&engine, call, claim),
                None => engine.calls.look_after(&call, Duration::ZERO),
            }
        }
        Ok(Committed { batch, has_marks })
    }
}

/// What a transaction has committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    /// What names the events.
    pub(crate) batch: Option<BatchId>,
    /// Whether the marks are written.
    pub(crate) has_marks: bool,
}

/// The rows that a transaction adds to the ledger, or else what it emits.
fn what_it_works_on(ledger: &Ledger, emitted: &[Emitted]) -> Vec<String> {
    let rows: Vec<String> =
        ledger.added().map(|row| format!("{}:{}", row.entry.as_str(), row.step)).collect();
    if rows.is_empty() { emitted.names() } else { rows }
}

/// Says of an error of a handler's making that only the commit showed it: a deferred constraint,
/// for instance. What is nobody's failure stays so.
fn failed_at_commit(failure: Failure) -> Failure {
    match failure.kind() {
        FailureKind::Conflict
        | FailureKind::Permanent
        | FailureKind::NotYet
        | FailureKind::ConnectionLost => failure,
        FailureKind::Transient => Failure::transient(format!("the commit failed: {failure}")),
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
