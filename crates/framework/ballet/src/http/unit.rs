//! The types that HTTP handlers work with: a handle for reads, and a transaction for writes.

use std::sync::Arc;

use ballet_core::{Event, Saga, SagaId, Telemetry};
use ballet_store::calls::key::CallKey;
use ballet_store::calls::stored as calls;
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::partitions;
use jiff::Timestamp;
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::json::encoded;
use crate::declare::handler::tx::Tx;
use crate::declare::step::owner::Abort;
use crate::engine::age::{too_early_to_begin, too_old_to_begin, why_forgotten};
use crate::engine::arrivals::{abort_as_owner, begun_before, originated};
use crate::engine::commit::commit;
use crate::engine::engine::Engine;
use crate::engine::saga_work::SagaWork;
use crate::engine::stopping::stopped;
use crate::engine::transaction::Transaction;
use crate::http::trace::{current, unit_left_open};
use crate::telemetry::publishing::{TelemetryLine, TelemetryPublisher};

/// A running service, as its HTTP handlers see it.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) engine: Arc<Engine>,
    pub(crate) asked_to_stop: watch::Receiver<bool>,
    pub(crate) telemetry: Arc<TelemetryLine>,
}

impl Handle {
    /// The service's database, for reads. The connections are those for HTTP requests; a caller that waits
    /// for one longer than three seconds gets an error, which a [`Problem`](crate::http::Problem)
    /// answers with 503.
    #[must_use]
    pub fn db(&self) -> &PgPool {
        &self.engine.database.requests
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.engine.time.clock.now()
    }

    /// A new id (UUIDv7).
    #[must_use]
    pub fn new_id<Id: From<Uuid>>(&self) -> Id {
        self.engine.time.clock.new_id(self.now()).into()
    }

    /// Publishes telemetry of this type, which the participant declares with
    /// [`publishes_telemetry`](crate::Participant::publishes_telemetry).
    #[must_use]
    pub fn telemetry<T: Telemetry>(&self) -> TelemetryPublisher<T> {
        TelemetryPublisher::new(Arc::clone(&self.telemetry))
    }

    /// Returns when the service is asked to stop. An answer that goes on, such as a stream of events,
    /// has to end then: a stop waits for the requests in progress.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut asked_to_stop = self.asked_to_stop.clone();
        async move { stopped(&mut asked_to_stop).await }
    }

    /// Opens a transaction for events outside of sagas.
    ///
    /// # Errors
    ///
    /// A failure if the database does not answer.
    pub async fn unit(&self) -> Result<Unit, Failure> {
        let mut transaction = Transaction::begin_for_request(Arc::clone(&self.engine)).await?;
        transaction.enter(None, None, current(None));
        Ok(Unit { transaction, saga_id: None, ending: UnitEnding::default() })
    }

    /// Opens a transaction for one saga and takes its lock, so that nothing else in this service
    /// works on the saga until it ends.
    ///
    /// # Errors
    ///
    /// A failure if the database does not answer, or if the lock is not free in time.
    pub async fn saga_unit(&self, saga_id: SagaId) -> Result<Unit, Failure> {
        let mut transaction = Transaction::begin_for_request(Arc::clone(&self.engine)).await?;
        transaction.receive(&[saga_id], &[]).await?;
        transaction.enter(Some(saga_id), None, current(Some(saga_id)));
        Ok(Unit { transaction, saga_id: Some(saga_id), ending: UnitEnding::default() })
    }
}

/// A transaction of an HTTP handler: its rows and its events commit together, or not at all.
/// Dropping it rolls back. An answer that reports success although a unit was dropped without
/// [`commit`](Self::commit) or [`rollback`](Self::rollback) becomes a 500.
#[derive(Debug)]
pub struct Unit {
    transaction: Transaction<'static>,
    saga_id: Option<SagaId>,
    ending: UnitEnding,
}

/// Whether the handler has said how its unit ends.
#[derive(Debug, Default)]
struct UnitEnding {
    is_said: bool,
}

impl UnitEnding {
    fn said(mut self) {
        self.is_said = true;
    }
}

impl Drop for UnitEnding {
    fn drop(&mut self) {
        if !self.is_said {
            unit_left_open();
        }
    }
}

impl Unit {
    /// The transaction.
    pub fn tx(&mut self) -> Tx<'_> {
        self.transaction.tx()
    }

    /// Begins the saga with this event, which the owner declares with
    /// [`originates`](crate::OwnerSteps::originates).
    ///
    /// # Errors
    ///
    /// A permanent failure if the event is not declared, if the saga has begun before, if its id
    /// is so old that it could be forgotten before it ends, or if it is more than five minutes ahead of the time.
    pub async fn originate<E: Event>(&mut self, event: E) -> Result<(), Failure> {
        self.begin(encoded(&event)?).await
    }

    /// Like [`originate`](Self::originate), of an event that has no type here.
    #[doc(hidden)]
    pub async fn begin(&mut self, event: EncodedEvent) -> Result<(), Failure> {
        let saga_id = self.saga_id.ok_or_else(no_saga)?;
        let engine = Arc::clone(&self.transaction.engine);
        let Some((saga, origin)) = engine.registry.origin(event.event_type) else {
            return Err(Failure::permanent(format!(
                "{} does not originate {}: add `.originates::<..>(..)` to its participant",
                engine.registry.service, event.event_type
            )));
        };
        if !origin.versions.has(saga.begins) {
            return Err(Failure::permanent(format!(
                "{} is of {} of {}, and {} begins sagas under version {}: publish the event of that version, \
                 or declare the other with `.begins(..)`",
                event.event_type, origin.versions, saga.saga, engine.registry.service, saga.begins
            )));
        }
        let work = SagaWork::new(&mut self.transaction, saga, saga_id);
        if work.rows().next().is_some() {
            return Err(begun_before(&work));
        }
        let (limits, now) = (&engine.limits, self.transaction.scope.now);
        let wrong_time = too_old_to_begin(limits, saga.deadline(), saga_id, now)
            .or_else(|| too_early_to_begin(limits, saga_id, engine.time.shared.latest()));
        if let Some(why) = wrong_time {
            return Err(Failure::permanent(why));
        }
        let (db, ledger) = self.transaction.db_and_ledger();
        let forgotten = ledger.forgotten_without_time(db, std::iter::once(saga_id));
        if answered(forgotten).await?.is_some() {
            let why = why_forgotten(limits, engine.registry.service, saga_id);
            return Err(Failure::permanent(why));
        }
        originated(&mut SagaWork::new(&mut self.transaction, saga, saga_id), origin.name, event);
        Ok(())
    }

    /// Aborts the saga, unless the pivot's outcome was recorded first. The owner's hook
    /// ([`Owner::abort`](crate::Owner::abort)) runs in this transaction.
    ///
    /// # Errors
    ///
    /// A permanent failure if this service does not own the saga; what the hook fails with. While a database that
    /// was restored from a backup has not heard what it missed, there is [no outcome yet](Failure::not_yet).
    pub async fn abort<Sg: Saga>(&mut self, abort_event: Sg::Abort) -> Result<Abort, Failure> {
        self.abort_by(Sg::NAME, encoded(&abort_event)?).await
    }

    /// Like [`abort`](Self::abort), of a saga that has no type here.
    #[doc(hidden)]
    pub async fn abort_by(
        &mut self,
        saga: &str,
        abort_event: EncodedEvent,
    ) -> Result<Abort, Failure> {
        let saga_id = self.saga_id.ok_or_else(no_saga)?;
        let engine = Arc::clone(&self.transaction.engine);
        let Some(entry) = engine.registry.sagas.iter().find(|entry| entry.saga == saga) else {
            return Err(Failure::permanent(format!(
                "{} takes no part in {saga}",
                engine.registry.service
            )));
        };
        let work = &mut SagaWork::new(&mut self.transaction, entry, saga_id);
        abort_as_owner(work, abort_event).await
    }

    /// Makes the open call with this key due, once this transaction commits: the other side says that
    /// it has an outcome. The call asks for it under its key, so a hint that is wrong, old, or comes
    /// twice changes nothing. Returns false if no call with this key is open.
    ///
    /// # Errors
    ///
    /// A failure if the database does not answer.
    pub async fn ask_again(&mut self, key: CallKey) -> Result<bool, Failure> {
        let is_open = answered(calls::hurry(self.transaction.db(), &[key])).await?;
        self.transaction.scope.hurried |= is_open;
        Ok(is_open)
    }

    /// Commits. When it returns, the events are on their way to the broker. They are published even
    /// if the process dies now.
    ///
    /// # Errors
    ///
    /// A failure if nothing was committed, or if the database's answer was lost and nobody knows.
    pub async fn commit(self) -> Result<(), Failure> {
        let Self { transaction, ending, .. } = self;
        ending.said();
        // On a task of its own, so that a commit goes on when its request is dropped.
        let committed = tokio::spawn(async move {
            let engine = Arc::clone(&transaction.engine);
            let committed = commit(transaction, &[]).await.map(drop);
            if let Err(failure) = &committed
                && failure.is_missing_partition()
            {
                // For the next attempt of the caller.
                partitions::make(&engine.database.upkeep, &engine.limits, engine.time.clock.now())
                    .await?;
            }
            committed
        });
        committed.await.unwrap_or_else(|error| Err(Failure::transient(error)))
    }

    /// Ends without effect: for a success that changes nothing.
    pub fn rollback(self) {
        self.ending.said();
    }
}

fn no_saga() -> Failure {
    Failure::permanent("this transaction has no saga: open it with `saga_unit`")
}
