//! Steps and their compensations.

use std::future::Future;

use ballet_core::{Event, Never, Trigger};
use sqlx::PgConnection;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::step::bulk::{ANSWERS, BulkTx, OUTCOMES, only};
use crate::declare::step::retry::Retry;
use crate::declare::step::row_locks::Rows;

/// One service's local part of a saga. An event triggers it, and it ends with an outcome event.
///
/// `run` takes effect at most once per saga, even if messages arrive twice, late or out of order.
/// It runs inside the service's transaction: its writes commit together with its outcome, or not at
/// all. For work outside of the database, see [`CallStep`](crate::calls::CallStep).
///
/// ```
/// # use ballet::*;
/// # #[event("orders.order_placed.v1", in_saga)] struct OrderPlaced { seats: u32 }
/// # #[event("hall.seats_held.v1", in_saga)] struct SeatsHeld { seats: u32 }
/// # #[event("hall.sold_out.v1", in_saga)] struct SoldOut {}
/// # #[event("hall.seats_freed.v1", in_saga)] struct SeatsFreed { seats: u32 }
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
    /// The event that reports the step as done.
    type Done: Event;
    /// The event that reports a business "no"; [`Never`] if there is none.
    type Refused: Event;

    /// How often a failed step is retried.
    const RETRY: Retry = Retry::DEFAULT;

    /// Whether the step takes the messages of a batch together, in [`run_all`](Self::run_all). See
    /// [`bulk`](crate::bulk).
    const TOGETHER: bool = false;

    /// Distinguishes the repetitions of a step in one saga; see
    /// [`repeating`](crate::SagaSteps::repeating). A step that runs once has no key, and one that joins events cannot
    /// have one: it does not compile.
    #[must_use]
    fn key(_on: &<Self::On as Trigger>::Single) -> Option<String> {
        None
    }

    /// Names the rows that the step will touch for these triggers, which come from all sagas of a
    /// batch. Each name is locked before any handler runs, until the transaction ends: steps that name the same row
    /// do not run beside each other. Only rows that several sagas touch, in several lanes or replicas, need a name. The function may read,
    /// but takes no locks: the framework takes them before any handler runs. It is not called for a
    /// join.
    fn touches(
        _db: &mut PgConnection,
        _on: &[Item<&Self::On>],
    ) -> impl Future<Output = Result<Rows, Failure>> + Send {
        async { Ok(Rows::none()) }
    }

    /// Runs the step. A step that takes its messages together need not have it.
    fn run(&self, tx: &mut Tx<'_>, on: Self::On) -> impl Future<Output = StepResult<Self>> + Send {
        const { assert!(Self::TOGETHER, "a step has `run`, or else `TOGETHER` and `run_all`") };
        async move {
            let item = tx.item(on)?;
            let mut tx = BulkTx::new(tx.enter(&item));
            only(Self::NAME, OUTCOMES, self.run_all(&mut tx, vec![item]).await?)?
                .map_err(StepError::Refused)
        }
    }

    /// Runs the step for a run of messages. Returns one outcome per item, in the order of the
    /// items: what it did, or its refusal as the error. (`returning` has no order: look up its rows by key.) Without it the messages are taken one after the other.
    fn run_all(
        &self,
        tx: &mut BulkTx<'_>,
        on: Vec<Item<Self::On>>,
    ) -> impl Future<Output = BulkResult<Self>> + Send {
        const { assert!(!Self::TOGETHER, "a step that takes its messages together has `run_all`") };
        async move {
            let mut outcomes = Vec::with_capacity(on.len());
            for item in on {
                let outcome = self.run(&mut tx.of(&item), item.event).await;
                outcomes.push(StepError::outcome(outcome)?);
            }
            Ok(outcomes)
        }
    }
}

/// Undoes a step when its saga is aborted.
pub trait Compensate: Step {
    /// The event that reports the step as undone.
    type Compensated: Event;

    /// Names the rows that the compensation will touch. See [`Step::touches`].
    fn compensate_touches(
        _db: &mut PgConnection,
        _done: &[Item<Self::Done>],
    ) -> impl Future<Output = Result<Rows, Failure>> + Send {
        async { Ok(Rows::none()) }
    }

    /// Undoes the step, given the event that it emitted. It takes effect at most once, runs only if
    /// the step took effect, and never before the later steps of the same service are undone. It
    /// cannot refuse.
    fn compensate(
        &self,
        tx: &mut Tx<'_>,
        done: Self::Done,
    ) -> impl Future<Output = CompensateResult<Self>> + Send {
        const { assert!(Self::TOGETHER, "a step has `compensate`, or else `compensate_all`") };
        async move {
            let item = tx.item(done)?;
            let mut tx = BulkTx::new(tx.enter(&item));
            only(Self::NAME, ANSWERS, self.compensate_all(&mut tx, vec![item]).await?)
        }
    }

    /// Undoes a step that takes its messages together, given the events that it emitted. Returns one answer per item, in
    /// the order of the items.
    fn compensate_all(
        &self,
        tx: &mut BulkTx<'_>,
        done: Vec<Item<Self::Done>>,
    ) -> impl Future<Output = BulkCompensateResult<Self>> + Send {
        const { assert!(!Self::TOGETHER, "the compensation of such a step is `compensate_all`") };
        async move {
            let mut compensated = Vec::with_capacity(done.len());
            for item in done {
                compensated.push(self.compensate(&mut tx.of(&item), item.event).await?);
            }
            Ok(compensated)
        }
    }
}

/// Why a step did not take effect. `?` converts any error to a [`Failure`], and passes on a refusal.
///
/// ```
/// # use ballet::*;
/// # #[event("hall.seats_held.v1", in_saga)] struct SeatsHeld {}
/// # #[event("hall.sold_out.v1", in_saga)] struct SoldOut {}
/// async fn hold(tx: &mut Tx<'_>) -> Does<SeatsHeld, SoldOut> {
///     let free: Option<i64> =
///         sqlx::query_scalar("select free from hall").fetch_optional(tx.db()).await?;
///     free.filter(|free| *free > 0).ok_or(StepError::Refused(SoldOut {}))?;
///     done(SeatsHeld {})
/// }
/// ```
#[derive(Debug)]
pub enum StepError<R> {
    /// A business "no". What the step wrote and published before is taken back. A step that looks before it writes
    /// refuses at less cost.
    Refused(R),
    /// The step cannot do its work for a technical reason.
    Failed(Failure),
}

impl<R, E> From<E> for StepError<R>
where
    Failure: From<E>,
{
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<R> StepError<R> {
    /// Tells a refusal, which is an outcome, from a failure.
    ///
    /// # Errors
    ///
    /// The failure.
    pub fn outcome<D>(result: Result<D, Self>) -> Result<Result<D, R>, Failure> {
        match result {
            Ok(done) => Ok(Ok(done)),
            Err(Self::Refused(refusal)) => Ok(Err(refusal)),
            Err(Self::Failed(failure)) => Err(failure),
        }
    }
}

/// The outcome of a compensation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compensated<U> {
    /// Undone; the event informs the other services.
    With(U),
    /// There was nothing left to undo, and there is no event.
    Silently,
}

/// What a step does: it is done, or it refuses, or it fails.
pub type Does<D, R = Never> = Result<D, StepError<R>>;

/// What a compensation does; without an event it undoes [silently](compensated_silently).
pub type Undoes<U = Never> = Result<Compensated<U>, Failure>;

/// What a step does that takes its messages together: one outcome per item.
pub type DoesAll<D, R = Never> = Result<Vec<Result<D, R>>, Failure>;

/// What a compensation does that takes its messages together: one answer per item.
pub type UndoesAll<U = Never> = Result<Vec<Compensated<U>>, Failure>;

/// The result of [`Step::run`].
pub type StepResult<S> = Does<<S as Step>::Done, <S as Step>::Refused>;

/// The result of [`Compensate::compensate`].
pub type CompensateResult<S> = Undoes<<S as Compensate>::Compensated>;

/// The result of [`Step::run_all`].
pub type BulkResult<S> = DoesAll<<S as Step>::Done, <S as Step>::Refused>;

/// The result of [`Compensate::compensate_all`].
pub type BulkCompensateResult<S> = UndoesAll<<S as Compensate>::Compensated>;

/// Returns the outcome of a step that took effect.
///
/// # Errors
///
/// Never. It returns a `Result` so it can be the last expression of a step.
pub fn done<D, R>(event: D) -> Does<D, R> {
    Ok(event)
}

/// Returns the refusal of a step.
///
/// # Errors
///
/// Always: the refusal.
pub fn refused<D, R>(event: R) -> Does<D, R> {
    Err(StepError::Refused(event))
}

/// Returns the outcome of a compensation that has undone its step.
///
/// # Errors
///
/// Never. It returns a `Result` so it can be the last expression of a compensation.
pub fn compensated<U>(event: U) -> Undoes<U> {
    Ok(Compensated::With(event))
}

/// Returns the outcome of a compensation that found nothing to undo, or that informs nobody.
///
/// # Errors
///
/// Never. It returns a `Result` so it can be the last expression of a compensation.
pub fn compensated_silently<U>() -> Undoes<U> {
    Ok(Compensated::Silently)
}
