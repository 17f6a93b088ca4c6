//! One local transaction: business rows, ledger, calls and outbox commit together or not at all.
//!
//! A batch of messages is one, and so is what an HTTP handler originates.

use std::sync::Arc;

use ballet_core::{MessageId, SagaId};
use ballet_store::calls::key::{CallKey, CallPurpose};
use ballet_store::calls::stored::NewCall;
use ballet_store::copies::copy_writes::CopyWrites;
use ballet_store::database::connection::begin;
use ballet_store::deadlines::Deadlines;
use ballet_store::inbox::messages as inbox;
use ballet_store::inbox::messages::{NewMessage, ReceiveResult};
use ballet_store::ledger::entry::{Entry, StepKey};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::rows::{Ledger, LedgerRow, NewRow};
use ballet_store::trace::Trace;
use sqlx::{Connection, PgConnection, Postgres};

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::{Scope, Tx};
use crate::declare::participant::saga_entry::SagaEntry;
use crate::engine::engine::Engine;
use crate::outgoing::spans::Span;

pub(crate) struct Transaction<'db> {
    pub(crate) engine: Arc<Engine>,
    pub(super) db: sqlx::Transaction<'db, Postgres>,
    pub(crate) scope: Scope,
    pub(crate) ledger: Ledger,
    pub(crate) calls: Vec<NewCall>,
    pub(crate) deadlines: Deadlines,
    pub(crate) copied: CopyWrites,
    /// The handlers that have run: they count once the transaction has committed.
    pub(crate) spans: Vec<Span>,
    /// Whether each step that may refuse has a savepoint.
    pub(crate) is_careful: bool,
    pub(super) has_savepoint: bool,
    /// Whether a step has refused that may have written.
    pub(crate) needs_care: bool,
}

impl Transaction<'static> {
    /// Opens a transaction for upkeep.
    pub(crate) async fn begin(engine: Arc<Engine>) -> Result<Self, Failure> {
        let db = begin(&engine.database.upkeep).await?;
        Ok(Self::new(engine, db))
    }

    /// Opens a transaction for an HTTP request.
    pub(crate) async fn begin_for_request(engine: Arc<Engine>) -> Result<Self, Failure> {
        let db = begin(&engine.database.requests).await?;
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
        let scope = Scope::new(engine.time.clock.clone());
        let (ledger, calls, deadlines) = (Ledger::default(), Vec::new(), Deadlines::default());
        let copied = CopyWrites::default();
        Self {
            engine,
            db,
            scope,
            ledger,
            calls,
            deadlines,
            copied,
            spans: Vec::new(),
            is_careful: false,
            has_savepoint: false,
            needs_care: false,
        }
    }

    /// Fails if a handler has ended the transaction: each later statement would commit by itself. sqlx
    /// ends the transaction if a savepoint of its own is cancelled while it begins.
    pub(crate) fn check_open(&self) -> Result<(), Failure> {
        if self.db.is_in_transaction() {
            return Ok(());
        }
        Err(Failure::transient(
            "the handler ended the transaction: it may have begun one on `tx.db()`, and been \
             cancelled; use `tx.attempt`",
        ))
    }

    /// Whether it is to be rolled back, and its work to run again with care.
    pub(crate) const fn runs_again(&self) -> bool {
        self.needs_care && !self.is_careful
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
        event: Option<EncodedEvent>,
    ) {
        self.add_row(saga_id, at, entry, "", event, None);
    }

    /// Emits an event, and records it as the outcome under its message id.
    pub(crate) fn tell(
        &mut self,
        saga_id: SagaId,
        at: StepKey<'_>,
        entry: Entry,
        event: EncodedEvent,
    ) -> MessageId {
        let id = self.scope.draw();
        self.add_row(saga_id, at, entry, "", Some(event.clone()), Some(id));
        self.scope.emit_as(id, event);
        id
    }

    pub(crate) fn add_row(
        &mut self,
        saga_id: SagaId,
        at: StepKey<'_>,
        entry: Entry,
        arrived: &str,
        event: Option<EncodedEvent>,
        emitted: Option<MessageId>,
    ) {
        let (StepKey { step, key }, cause) = (at, self.scope.cause);
        self.ledger.add(saga_id, NewRow { step, key, entry, arrived, event, emitted, cause });
    }

    /// The rows of one saga. Another saga may have the same id.
    pub(crate) fn rows_of<'a>(
        &'a self,
        saga: &'a SagaEntry,
        saga_id: SagaId,
    ) -> impl Iterator<Item = &'a LedgerRow> {
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
        let of_key = |row: &LedgerRow| row.step == at.step && row.key == at.key;
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
        let purpose = CallPurpose {
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
            asked_since: self.scope.now,
            attempts: 0,
            is_repeated: false,
            is_stored: false,
            given: None,
        });
    }

    pub(crate) async fn stored_body(
        &mut self,
        saga_id: SagaId,
        row: &LedgerRow,
    ) -> Result<String, Failure> {
        let (db, ledger) = self.db_and_ledger();
        ledger.body(db, saga_id, row).await?.ok_or_else(|| {
            let (entry, step) = (row.entry.as_str(), &row.step);
            Failure::permanent(format!(
                "the ledger has no event for {entry} {step} of saga {saga_id}"
            ))
        })
    }

    /// Sets the saga, the cause and the trace of the following work.
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
    ) -> Result<ReceiveResult, Failure> {
        let now = self.engine.time.shared.latest();
        answered(inbox::receive(&mut self.db, &mut self.ledger, sagas, messages, now)).await
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
