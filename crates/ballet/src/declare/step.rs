//! Steps and their compensations.

use std::future::Future;

use ballet_core::{Event, Trigger};
use sqlx::PgConnection;

use crate::declare::failure::Failure;
use crate::declare::item::Item;
use crate::declare::retry::Retry;
use crate::declare::row_locks::Rows;
use crate::declare::tx::Tx;

/// One service's local part of a saga: it is triggered by an event and ends in an outcome event.
///
/// `run` takes effect at most once for a saga, whatever comes twice, late, or in another order.
/// It runs inside of the service's transaction: what it writes commits together with its outcome,
/// or not at all. For work outside of the database see [`CallStep`](crate::CallStep).
///
/// ```
/// # use ballet::*;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct OrderPlaced { seats: u32 }
/// # impl Event for OrderPlaced {
/// #     const TYPE: EventType = EventType::in_saga("orders.order_placed.v1");
/// # }
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct SeatsHeld { seats: u32 }
/// # impl Event for SeatsHeld {
/// #     const TYPE: EventType = EventType::in_saga("hall.seats_held.v1");
/// # }
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct SoldOut {}
/// # impl Event for SoldOut { const TYPE: EventType = EventType::in_saga("hall.sold_out.v1"); }
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct SeatsFreed { seats: u32 }
/// # impl Event for SeatsFreed {
/// #     const TYPE: EventType = EventType::in_saga("hall.seats_freed.v1");
/// # }
/// /// Holds the seats, or refuses when the hall is full.
/// struct HoldSeats;
///
/// impl Step for HoldSeats {
///     const NAME: &'static str = "hold_seats";
///     type On = OrderPlaced;
///     type Done = SeatsHeld;
///     type Refused = SoldOut;
///
///     async fn run(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> StepResult<Self> {
///         let taken = sqlx::query("update hall set free = free - $1 where free >= $1")
///             .bind(i64::from(order.seats))
///             .execute(tx.db())
///             .await?;
///         if taken.rows_affected() == 1 {
///             done(SeatsHeld { seats: order.seats })
///         } else {
///             refused(SoldOut {})
///         }
///     }
/// }
///
/// impl Compensate for HoldSeats {
///     type Compensated = SeatsFreed;
///
///     async fn compensate(&self, tx: &mut Tx<'_>, held: SeatsHeld) -> CompensateResult<Self> {
///         sqlx::query("update hall set free = free + $1")
///             .bind(i64::from(held.seats))
///             .execute(tx.db())
///             .await?;
///         compensated(SeatsFreed { seats: held.seats })
///     }
/// }
/// ```
pub trait Step: Send + Sync + 'static {
    /// The step's name in the ledger, in metrics and on pages: verb and noun, `reserve_stock`.
    const NAME: &'static str;
    /// The event that triggers the step, or a tuple of events that it joins.
    type On: Trigger;
    /// The event that tells that the step is done.
    type Done: Event;
    /// The event that tells a business "no"; [`Never`](crate::Never) if there is none.
    type Refused: Event;

    /// How often it is tried again when it fails.
    const RETRY: Retry = Retry::DEFAULT;

    /// Tells the repetitions of a step in one saga apart; see
    /// [`repeating`](crate::SagaSteps::repeating). A step that runs once has none, and a join
    /// cannot have one.
    #[must_use]
    fn key(_on: &Self::On) -> Option<String> {
        None
    }

    /// Names the rows that the step will touch for these triggers, of all sagas of a batch, so
    /// that transactions that touch the same rows do not end in a deadlock. Only what other sagas
    /// touch too needs a name, and only where several lanes or replicas do. It may read, and it
    /// locks nothing: the framework takes the locks, before any handler runs. A join is not asked.
    fn touches(
        _db: &mut PgConnection,
        _on: &[Item<&Self::On>],
    ) -> impl Future<Output = Result<Rows, Failure>> + Send {
        async { Ok(Rows::none()) }
    }

    /// Does the step.
    fn run(&self, tx: &mut Tx<'_>, on: Self::On) -> impl Future<Output = StepResult<Self>> + Send;
}

/// How a step is undone when its saga is aborted.
pub trait Compensate: Step {
    /// The event that tells that the step is undone.
    type Compensated: Event;

    /// Names the rows that undoing these will touch, see [`Step::touches`].
    fn compensate_touches(
        _db: &mut PgConnection,
        _done: &[Item<Self::Done>],
    ) -> impl Future<Output = Result<Rows, Failure>> + Send {
        async { Ok(Rows::none()) }
    }

    /// Undoes the step, given the very event that it emitted. It runs at most once, only if the
    /// step took effect, and never before the later steps of the same service are undone. It
    /// cannot refuse.
    fn compensate(
        &self,
        tx: &mut Tx<'_>,
        done: Self::Done,
    ) -> impl Future<Output = CompensateResult<Self>> + Send;
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<D, R> {
    /// It took effect.
    Done(D),
    /// A business "no". Whatever the step wrote before stays, so write nothing then.
    Refused(R),
}

/// How a compensation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compensated<U> {
    /// Compensated, and the others are told.
    With(U),
    /// There was nothing left to undo, and nothing to tell.
    Silently,
}

/// What [`Step::run`] gives.
pub type StepResult<S> = Result<Outcome<<S as Step>::Done, <S as Step>::Refused>, Failure>;

/// What [`Compensate::compensate`] gives.
pub type CompensateResult<S> = Result<Compensated<<S as Compensate>::Compensated>, Failure>;

/// The step took effect.
///
/// # Errors
///
/// Never; it gives a `Result` so that it can stand at the end of a step.
pub fn done<D, R>(event: D) -> Result<Outcome<D, R>, Failure> {
    Ok(Outcome::Done(event))
}

/// The step says no.
///
/// # Errors
///
/// Never; it gives a `Result` so that it can stand at the end of a step.
pub fn refused<D, R>(event: R) -> Result<Outcome<D, R>, Failure> {
    Ok(Outcome::Refused(event))
}

/// The step is undone.
///
/// # Errors
///
/// Never; it gives a `Result` so that it can stand at the end of a compensation.
pub fn compensated<U>(event: U) -> Result<Compensated<U>, Failure> {
    Ok(Compensated::With(event))
}

/// There was nothing left to undo.
///
/// # Errors
///
/// Never; it gives a `Result` so that it can stand at the end of a compensation.
pub fn compensated_silently<U>() -> Result<Compensated<U>, Failure> {
    Ok(Compensated::Silently)
}
