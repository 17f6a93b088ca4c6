//! Steps that stay open, by design, until their service's own rows say that it is over: a session that
//! somebody watches, a ride that is under way.
//!
//! Such a step waits for what comes from outside of the saga: a person who stops, an event of another saga,
//! signs of life that end. They only write rows of the service. From time to time the watch looks at
//! these rows, and a hint ([`look_now`]) makes it look at once. So a sign of life costs one row, however
//! often it comes, and nothing that ends the step can race with anything else: the first transaction that finds it
//! over, under the saga's lock, has the outcome.

use std::future::Future;

use ballet_core::{Event, SagaId, Trigger};
use jiff::SignedDuration;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::Tx;
use crate::declare::step::retry::Retry;

/// A step that stays open until its service's rows say that it is over, declared with
/// [`watches`](crate::OwnerSteps::watches). It runs once in a saga: what waits for several things looks at all of their
/// rows.
///
/// ```
/// # use ballet::*;
/// # use jiff::SignedDuration;
/// # use jiff_sqlx::ToSqlx;
/// # #[event("playback.session_started.v1", in_saga)] struct SessionStarted {}
/// # #[event("playback.session_ended.v1", in_saga)] struct SessionEnded {}
/// /// Whoever shows no sign of life for a minute has gone.
/// struct WatchSession;
///
/// impl Watch for WatchSession {
///     const NAME: &'static str = "watch_session";
///     type On = SessionStarted;
///     type Done = SessionEnded;
///
///     async fn begin(&self, tx: &mut Tx<'_>, _: SessionStarted) -> Result<(), Failure> {
///         sqlx::query("insert into session (id, seen_at) values ($1, $2)")
///             .bind(tx.saga_id().map(|saga| saga.0))
///             .bind(tx.now().to_sqlx())
///             .execute(tx.db())
///             .await?;
///         Ok(())
///     }
///
///     async fn look(&self, tx: &mut Tx<'_>) -> Result<Look<SessionEnded>, Failure> {
///         let silent: f64 = sqlx::query_scalar(
///             "select extract(epoch from $2 - seen_at)::float8 from session where id = $1",
///         )
///         .bind(tx.saga_id().map(|saga| saga.0))
///         .bind(tx.now().to_sqlx())
///         .fetch_one(tx.db())
///         .await?;
///         if silent < 60.0 {
///             return Ok(Look::Open(SignedDuration::from_secs(20)));
///         }
///         Ok(Look::Over(SessionEnded {}))
///     }
/// }
/// ```
pub trait Watch: Send + Sync + 'static {
    /// The step's name: verb and noun, `watch_session`.
    const NAME: &'static str;
    /// The event that triggers the step, or a tuple of events that it joins.
    type On: Trigger;
    /// The event that says that it is over, and how it ended.
    type Done: Event;
    /// How often `begin` is retried. A look that found it over and could not be committed is made again
    /// whatever this says.
    const RETRY: Retry = Retry::DEFAULT;

    /// Begins: writes the row that is looked at.
    fn begin(
        &self,
        tx: &mut Tx<'_>,
        on: Self::On,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Looks whether the step is over. If it is not, the transaction with the look's writes is rolled
    /// back. If it is, the watch looks once more, under the saga's lock, and that answer counts.
    ///
    /// A look that takes longer than five seconds is given up and made again, and so is one that fails. A process
    /// makes at most four looks of a watch at a time.
    fn look(
        &self,
        tx: &mut Tx<'_>,
    ) -> impl Future<Output = Result<Look<Self::Done>, Failure>> + Send;
}

/// Makes a [`Watch`] of a saga look at its rows once this transaction has committed, because they say that it may be
/// over. A hint for what is not open, or not over, changes nothing. Returns whether it is open.
///
/// # Errors
///
/// A failure if the database does not answer.
pub async fn look_now<W: Watch>(tx: &mut Tx<'_>, saga_id: SagaId) -> Result<bool, Failure> {
    tx.hurry(saga_id, W::NAME).await
}

/// The result of one look of a [`Watch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<Done> {
    /// It is not over. The next look is after this time, at least a second and at most an hour, or when there is a
    /// [hint](look_now).
    Open(SignedDuration),
    /// It is over.
    Over(Done),
}
