//! Steps that handle many messages at once, for hot paths.

use std::future::Future;

use ballet_core::Event;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::step::retry::Retry;
use crate::declare::step::row_locks::Rows;
use crate::declare::step::step::{Compensated, Outcome};

/// A [`Step`](crate::Step) that handles vectors, for hot paths: one statement for many messages
/// instead of one per message.
///
/// It is declared, triggered, undone and stored like an ordinary step, so one may replace the other
/// at any time. Its handler gets a *run*: the messages of a batch for this step, each of another
/// saga, in the order of delivery. Messages that the ledger already knows are left out.
///
/// Sagas have no order among each other: a run may include a message before an earlier one of
/// another type and saga. If the handler fails, the whole run is rolled back. It is retried in
/// parts until the failing message is alone, so the good ones commit. If some refuse, the run is taken back, and
/// runs again without them.
///
/// ```
/// # use ballet::bulk::*;
/// # use ballet::*;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct OrderPlaced { points: i64 }
/// # impl Event for OrderPlaced {
/// #     const TYPE: EventType = EventType::in_saga("orders.order_placed.v1");
/// # }
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct PointsGranted { points: i64 }
/// # impl Event for PointsGranted {
/// #     const TYPE: EventType = EventType::in_saga("loyalty.points_granted.v1");
/// # }
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct PointsTaken {}
/// # impl Event for PointsTaken {
/// #     const TYPE: EventType = EventType::in_saga("loyalty.points_taken.v1");
/// # }
/// /// Grants the points of each order.
/// struct GrantPoints;
///
/// impl BulkStep for GrantPoints {
///     const NAME: &'static str = "grant_points";
///     type On = OrderPlaced;
///     type Done = PointsGranted;
///     type Refused = Never;
///
///     async fn run(
///         &self,
///         tx: &mut BulkTx<'_>,
///         orders: Vec<Item<OrderPlaced>>,
///     ) -> BulkResult<Self> {
///         sqlx::query("insert into granted select * from unnest($1::uuid[], $2::bigint[])")
///             .bind(orders.iter().map(|order| order.saga_id.0).collect::<Vec<_>>())
///             .bind(orders.iter().map(|order| order.points).collect::<Vec<_>>())
///             .execute(tx.db())
///             .await?;
///         let granted = |order: Item<OrderPlaced>| PointsGranted { points: order.points };
///         Ok(orders.into_iter().map(granted).map(Outcome::Done).collect())
///     }
/// }
///
/// impl BulkCompensate for GrantPoints {
///     type Compensated = PointsTaken;
///
///     async fn compensate(
///         &self,
///         tx: &mut BulkTx<'_>,
///         granted: Vec<Item<PointsGranted>>,
///     ) -> BulkCompensateResult<Self> {
///         sqlx::query("delete from granted where saga_id = any($1)")
///             .bind(granted.iter().map(|one| one.saga_id.0).collect::<Vec<_>>())
///             .execute(tx.db())
///             .await?;
///         Ok(granted.iter().map(|_| Compensated::With(PointsTaken {})).collect())
///     }
/// }
///
/// # struct Fulfillment;
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct OrderCancelled {}
/// # impl Event for OrderCancelled {
/// #     const TYPE: EventType = EventType::in_saga("orders.order_cancelled.v1");
/// # }
/// # impl Saga for Fulfillment {
/// #     const NAME: &'static str = "fulfillment";
/// #     const OWNER: &'static str = "orders";
/// #     type Abort = OrderCancelled;
/// # }
/// let loyalty = Participant::new("loyalty")
///     .saga::<Fulfillment>(|saga| saga.compensatable(GrantPoints));
/// # assert_eq!(loyalty.part().consumes().len(), 2);
/// ```
pub trait BulkStep: Send + Sync + 'static {
    /// The step's name in the ledger, in metrics and on pages: verb and noun, `reserve_stock`.
    const NAME: &'static str;
    /// The event that triggers the step. A join, which waits for several events, cannot be a bulk
    /// step.
    type On: Event;
    /// The event that reports the step as done.
    type Done: Event;
    /// The event that reports a business "no"; [`Never`](crate::Never) if there is none.
    type Refused: Event;
    /// How often a message that fails alone is retried.
    const RETRY: Retry = Retry::DEFAULT;

    /// Distinguishes the repetitions of a step in one saga. See [`Step::key`](crate::Step::key).
    #[must_use]
    fn key(_on: &Self::On) -> Option<String> {
        None
    }

    /// Names the rows that the step will touch. See [`Step::touches`](crate::Step::touches).
    fn touches(
        _db: &mut PgConnection,
        _on: &[Item<&Self::On>],
    ) -> impl Future<Output = Result<Rows, Failure>> + Send {
        async { Ok(Rows::none()) }
    }

    /// Runs the step for a run of messages. Returns one outcome per item, in the order of the
    /// items. (`returning` has no order: look up its rows by key.)
    fn run(
        &self,
        tx: &mut BulkTx<'_>,
        on: Vec<Item<Self::On>>,
    ) -> impl Future<Output = BulkResult<Self>> + Send;
}

/// How a [`BulkStep`] is undone when sagas are aborted.
pub trait BulkCompensate: BulkStep {
    /// The event that reports the step as undone.
    type Compensated: Event;

    /// Names the rows that the compensation will touch. See
    /// [`Step::touches`](crate::Step::touches).
    fn compensate_touches(
        _db: &mut PgConnection,
        _done: &[Item<Self::Done>],
    ) -> impl Future<Output = Result<Rows, Failure>> + Send {
        async { Ok(Rows::none()) }
    }

    /// Undoes the step, given the events that it emitted. Returns one answer per item, in the order
    /// of the items. See [`Compensate::compensate`](crate::Compensate::compensate).
    fn compensate(
        &self,
        tx: &mut BulkTx<'_>,
        done: Vec<Item<Self::Done>>,
    ) -> impl Future<Output = BulkCompensateResult<Self>> + Send;
}

/// The result of [`BulkStep::run`].
pub type BulkResult<S> =
    Result<Vec<Outcome<<S as BulkStep>::Done, <S as BulkStep>::Refused>>, Failure>;

/// The result of [`BulkCompensate::compensate`].
pub type BulkCompensateResult<S> =
    Result<Vec<Compensated<<S as BulkCompensate>::Compensated>>, Failure>;

/// A bulk handler's view: like [`Tx`], for a run of messages.
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
