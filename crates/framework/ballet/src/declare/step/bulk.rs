//! What a step sees that takes its messages together.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;

pub(crate) const OUTCOMES: &str = "outcomes";
pub(crate) const ANSWERS: &str = "answers of its compensation";

/// The failure of a step without one result per item, since they cannot be matched.
pub(crate) fn not_one_each(name: &str, what: &str, items: usize, given: usize) -> Failure {
    Failure::permanent(format!(
        "{name} received {items} items and returned {given} {what}: return one per item, in the \
         order of the items"
    ))
}

pub(crate) fn only<T>(name: &str, what: &str, given: Vec<T>) -> Result<T, Failure> {
    let count = given.len();
    let one = <[T; 1]>::try_from(given);
    one.map(|[only]| only).map_err(|_| not_one_each(name, what, 1, count))
}

/// The view of a handler that takes many messages: like [`Tx`], for a run of them.
#[derive(Debug)]
pub struct BulkTx<'a>(Tx<'a>);

impl<'a> BulkTx<'a> {
    pub(crate) fn new(tx: Tx<'a>) -> Self {
        Self(tx)
    }

    /// Returns the connection of the transaction. The framework commits or rolls back.
    pub fn db(&mut self) -> &mut PgConnection {
        self.0.db()
    }

    /// Runs statements that may fail. See [`Tx::attempt`].
    ///
    /// # Errors
    ///
    /// The error of the statements.
    pub async fn attempt<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.0.attempt(statements).await
    }

    /// Returns the time, which is the same throughout the transaction.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Returns a new id (UUIDv7), for example `tx.new_id::<ShipmentId>()`.
    #[must_use]
    pub fn new_id<Id: From<Uuid>>(&self) -> Id {
        self.0.new_id()
    }

    /// Returns the view of one item. Events [published](Tx::publish) through it belong to the
    /// item's saga and message.
    pub fn of<E>(&mut self, item: &Item<E>) -> Tx<'_> {
        self.0.enter(item)
    }
}
