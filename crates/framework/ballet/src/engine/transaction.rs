//! One local transaction: business rows, ledger, calls and outbox commit together or not at all.
//!
//! A batch of messages is one, and so is what an HTTP handler originates.

use std::sync::Arc;

use ballet_core::{MessageId, SagaId};
use ballet_store::calls::stored::NewCall;
use ballet_store::copies::copy_writes::CopyWrites;
use ballet_store::database::connection::begin;
use ballet_store::deadlines::Deadlines;
use ballet_store::inbox::messages as inbox;
use ballet_store::inbox::messages::{NewMessage, ReceiveResult};
use ballet_store::ledger::rows::Ledger;
use ballet_store::trace::Trace;
use sqlx::{Connection, PgConnection, Postgres};

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::{Scope, Tx};
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
    /// The handlers that have run, which count once the transaction has committed.
    pub(crate) spans: Vec<Span>,
    /// Whether each step that may refuse has a savepoint.
    pub(crate) is_careful: bool,
    pub(super) has_savepoint: bool,
    /// Whether a step has refused that may have written.
    pub(crate) needs_care: bool,
}

impl Transaction<'static> {
    pub(crate) async fn begin(engine: Arc<Engine>) -> Result<Self, Failure> {
        let db = begin(&engine.database.upkeep).await?;
        Ok(Self::new(engine, db))
    }

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

    /// Fails if a handler has ended the transaction, since each later statement would commit by
    /// itself. sqlx ends it if a savepoint of its own is cancelled while it begins.
    pub(crate) fn check_open(&self) -> Result<(), Failure> {
        if self.db.is_in_transaction() {
            return Ok(());
        }
        Err(Failure::transient(
            "the handler ended the transaction: it may have begun one on `tx.db()`, and been \
             cancelled; use `tx.attempt`",
        ))
    }

    pub(crate) const fn runs_again(&self) -> bool {
        self.needs_care && !self.is_careful
    }

    pub(crate) fn db(&mut self) -> &mut PgConnection {
        &mut self.db
    }

    pub(crate) fn tx(&mut self) -> Tx<'_> {
        Tx::new(&mut self.db, &mut self.scope)
    }

    pub(crate) fn db_and_ledger(&mut self) -> (&mut PgConnection, &mut Ledger) {
        (&mut self.db, &mut self.ledger)
    }

    pub(crate) fn enter(
        &mut self,
        saga_id: Option<SagaId>,
        cause: Option<MessageId>,
        trace: Option<Trace>,
    ) {
        self.scope.enter(saga_id, cause, trace);
    }

    /// Takes the locks of all sagas of this transaction, and reads their ledger, before anything
    /// else. Says which messages are new, and what is known of the others.
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
