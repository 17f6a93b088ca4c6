//! The view of a handler: its transaction, the time, new ids, and its saga.

use ballet_core::id::derived_in_saga;
use ballet_core::{Event, MessageId, Role, SagaId};
use ballet_store::calls::stored as calls;
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::outbox::event::{EmittedEvent, EventSource};
use ballet_store::trace::Trace;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::{Item, Lineage};
use crate::declare::handler::json::encoded;

/// A handler's view: the transaction in which the inbox, the ledger, the handler's own rows and the
/// outbox commit together. A handler uses no other clock, no other randomness and no network.
#[derive(Debug)]
pub struct Tx<'a> {
    db: &'a mut PgConnection,
    scope: &'a mut Scope,
}

#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) clock: Clock,
    pub(crate) now: Timestamp,
    /// The saga, or what else later events are correlated with.
    pub(crate) saga_id: Option<SagaId>,
    /// Whether a plain event is handled. It belongs to no saga, whatever it is correlated with.
    pub(crate) is_plain: bool,
    pub(crate) cause: Option<MessageId>,
    pub(crate) trace: Option<Trace>,
    pub(crate) emitted: Vec<EmittedEvent>,
    /// Whether an open call was made due, so that it is looked for once this has committed.
    pub(crate) hurried: bool,
    /// Whether a handler was given the connection since this was unset.
    pub(crate) has_statements: bool,
}

impl Scope {
    pub(crate) fn new(clock: Clock) -> Self {
        let now = clock.now();
        Self {
            clock,
            now,
            saga_id: None,
            is_plain: false,
            cause: None,
            trace: None,
            emitted: Vec::new(),
            hurried: false,
            has_statements: false,
        }
    }

    /// Sets the saga and the message that later events belong to.
    pub(crate) fn enter(
        &mut self,
        saga_id: Option<SagaId>,
        cause: Option<MessageId>,
        trace: Option<Trace>,
    ) {
        self.saga_id = saga_id;
        self.is_plain = false;
        self.cause = cause;
        self.trace = trace;
    }

    pub(crate) fn lineage(&self) -> Lineage {
        Lineage { cause: self.cause, trace: self.trace.clone() }
    }

    /// Emits an event that belongs to the transaction as a whole.
    pub(crate) fn emit(&mut self, event: EncodedEvent) {
        self.add(self.draw(), event, EventSource::Upkeep);
    }

    /// Draws an id for an event that is emitted later.
    pub(crate) fn draw(&self) -> MessageId {
        MessageId(self.clock.new_id(self.now))
    }

    /// Emits an event that a row of the ledger has under this id.
    pub(crate) fn emit_as(&mut self, message_id: MessageId, event: EncodedEvent) {
        self.add(message_id, event, EventSource::Ledger);
    }

    fn add(&mut self, message_id: MessageId, event: EncodedEvent, source: EventSource) {
        self.emitted.push(EmittedEvent {
            message_id,
            event,
            saga_id: self.saga_id,
            causation_id: self.cause,
            trace: self.trace.clone(),
            source,
        });
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(db: &'a mut PgConnection, scope: &'a mut Scope) -> Self {
        Self { db, scope }
    }

    /// Returns the connection of the transaction. The framework commits or rolls back.
    pub fn db(&mut self) -> &mut PgConnection {
        self.scope.has_statements = true;
        self.db
    }

    /// Runs statements that may fail, for example on a named constraint. If they fail, only they
    /// are rolled back, and the transaction goes on. Without `attempt`, an ignored error breaks the
    /// whole transaction.
    ///
    /// ```
    /// # use ballet::{Tx, broken_constraint};
    /// # async fn example(tx: &mut Tx<'_>) -> Result<bool, ballet::Failure> {
    /// let added = tx
    ///     .attempt(async |db| sqlx::query("insert into seat values (7)").execute(db).await)
    ///     .await;
    /// match added {
    ///     Ok(_) => Ok(true),
    ///     Err(error) if broken_constraint(&error) == Some("seat_taken_once") => Ok(false),
    ///     Err(error) => Err(error.into()),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the statements.
    pub async fn attempt<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.scope.has_statements = true;
        sqlx::query("savepoint attempt").execute(&mut *self.db).await?;
        let result = statements(self.db).await;
        let end = if result.is_ok() {
            "release savepoint attempt"
        } else {
            "rollback to savepoint attempt"
        };
        sqlx::query(end).execute(&mut *self.db).await?;
        result
    }

    /// Returns the time, which is the same throughout the transaction.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.scope.now
    }

    /// Returns a new id (UUIDv7), for example `tx.new_id::<ShipmentId>()`.
    #[must_use]
    pub fn new_id<Id: From<Uuid>>(&self) -> Id {
        self.scope.clock.new_id(self.scope.now).into()
    }

    /// Returns the id of what there is once in the current saga under this name, for example
    /// `tx.id_in_saga::<ShipmentId>("shipment")`. It is the same whenever the step runs, also after
    /// the database was restored from a backup: so what others have heard of it stays true. Outside
    /// of sagas it is a new id.
    #[must_use]
    pub fn id_in_saga<Id: From<Uuid>>(&self, name: &str) -> Id {
        match self.saga_id() {
            Some(saga_id) => derived_in_saga(saga_id, name).into(),
            None => self.new_id(),
        }
    }

    /// Returns the current saga, or `None` for an event outside of sagas: a plain one, whatever it is correlated with.
    #[must_use]
    pub fn saga_id(&self) -> Option<SagaId> {
        if self.scope.is_plain { None } else { self.scope.saga_id }
    }

    /// Makes the open call of a saga's step due once this transaction has committed. Returns whether it is open.
    pub(crate) async fn hurry(&mut self, saga_id: SagaId, step: &str) -> Result<bool, Failure> {
        self.scope.has_statements = true;
        let is_open = answered(calls::hurry_step(self.db, saga_id, step)).await?;
        self.scope.hurried |= is_open;
        Ok(is_open)
    }

    pub(crate) fn published(&self) -> usize {
        self.scope.emitted.len()
    }

    /// Takes back the events beyond this many, as a savepoint does with rows.
    pub(crate) fn unpublish(&mut self, beyond: usize) {
        self.scope.emitted.truncate(beyond);
    }

    pub(crate) fn enter<E>(&mut self, item: &Item<E>) -> Tx<'_> {
        let Lineage { cause, trace } = item.lineage.clone();
        self.scope.enter(Some(item.saga_id), cause, trace);
        Tx::new(self.db, self.scope)
    }

    pub(crate) fn item<E>(&self, event: E) -> Result<Item<E>, Failure> {
        let saga_id =
            self.scope.saga_id.ok_or_else(|| Failure::permanent("a step runs without a saga"))?;
        Ok(Item { saga_id, event, lineage: self.scope.lineage() })
    }

    /// Publishes an event in addition to a step's outcome, once the transaction has committed. It is not taken back
    /// with a savepoint of the handler's own: use [`attempt`](Self::attempt). The participant declares
    /// the event with [`Participant::publishes`](crate::Participant::publishes): nothing of the transaction commits
    /// otherwise. A saga begins with [`Unit::originate`](crate::Unit::originate) or a step that starts it, is decided
    /// by a step, and is aborted with [`Unit::abort`](crate::Unit::abort), and not by their events.
    ///
    /// # Errors
    ///
    /// A permanent failure if the event cannot be encoded as JSON, or if it is one of a running saga and there is
    /// [none](Self::saga_id) here.
    pub async fn publish<E: Event>(&mut self, event: &E) -> Result<(), Failure> {
        if E::TYPE.role() == Role::InSaga && self.saga_id().is_none() {
            return Err(Failure::permanent(format!(
                "{} belongs to a running saga, and there is none here: open the transaction with `saga_unit`, or publish \
                 it from a handler of an event of the saga",
                E::TYPE
            )));
        }
        self.scope.add(self.scope.draw(), encoded(event)?, EventSource::Handler);
        Ok(())
    }
}
