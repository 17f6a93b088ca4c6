//! Deadlines: how long an owner waits for the decision of its saga.
//!
//! A deadline is set by the transaction that begins a saga, and ended by the one that decides it.
//! When it is due, the owner tells itself so with an event, through outbox and queue: it is judged
//! after what was already waiting, like any other wish to abort. The row goes in the transaction
//! that writes the event to the outbox, so each deadline is told once, by whichever replica comes
//! first, and also if it became due while nobody ran.
//!
//! The database's clock decides. A step of this machine's clock changes nothing.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::part::DeadlinePart;
use ballet_core::{MessageId, SagaId};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::batch::guarded;
use crate::engine::{self, Engine};
use crate::erased::AnyRefusal;
use crate::participant::SagaEntry;
use crate::tx::Encoded;
use crate::unit_of_work::UnitOfWork;
use crate::{Failure, FailureKind};

/// The longest time between two looks: another replica may have set a deadline that comes first.
const EVERY: Duration = Duration::from_secs(2);
/// The next look when what is due is in somebody else's hands.
const SOON: Duration = Duration::from_millis(200);
/// The shortest time between two looks.
const BREATH: Duration = Duration::from_millis(10);
/// The table is often empty and may be big a minute later; a plan that is kept from when it was empty
/// would then read all of it each time.
const PLAN_KEPT: bool = false;
/// How many deadlines one transaction tells.
const PORTION: usize = 500;

/// A deadline that has passed, as the event about it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The saga.
    pub saga_id: SagaId,
    /// When it had to be decided.
    pub at: Timestamp,
}

/// What a saga's owner declares with [`deadline`](crate::OwnerSteps::deadline).
#[derive(Clone)]
pub(crate) struct Deadline {
    pub(crate) part: DeadlinePart,
    pub(crate) tell: Arc<dyn Fn(Due) -> Result<Encoded, Failure> + Send + Sync>,
    pub(crate) fact: Arc<dyn AnyRefusal>,
}

/// What a transaction does to deadlines.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    set: Vec<New>,
    ended: Vec<Uuid>,
}

#[derive(Debug)]
struct New {
    saga_id: SagaId,
    saga: &'static str,
    after: SignedDuration,
    cause: MessageId,
    traceparent: Option<String>,
}

impl Deadlines {
    /// The saga begins with this event.
    pub(crate) fn begin(
        &mut self,
        saga: &SagaEntry,
        saga_id: SagaId,
        cause: MessageId,
        traceparent: Option<String>,
    ) {
        if let Some(deadline) = &saga.deadline {
            let after = deadline.part.after;
            self.set.push(New { saga_id, saga: saga.saga, after, cause, traceparent });
        }
    }

    /// The saga is decided.
    pub(crate) fn end(&mut self, saga: &SagaEntry, saga_id: SagaId) {
        if saga.deadline.is_some() {
            let before = self.set.len();
            self.set.retain(|set| set.saga_id != saga_id);
            if self.set.len() == before {
                self.ended.push(saga_id.0);
            }
        }
    }

    pub(crate) async fn flush(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { set, ended } = std::mem::take(self);
        if !set.is_empty() {
            sqlx::query(
                "insert into ballet.deadline (saga_id, saga, due_at, message_id, traceparent) \
                 select saga_id, saga, now() + after * interval '1 microsecond', message_id, \
                 traceparent from unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], \
                 $5::text[]) as row (saga_id, saga, after, message_id, traceparent)",
            )
            .bind(set.iter().map(|set| set.saga_id.0).collect::<Vec<_>>())
            .bind(set.iter().map(|set| set.saga).collect::<Vec<_>>())
            .bind(set.iter().map(|set| micros(set.after)).collect::<Vec<_>>())
            .bind(set.iter().map(|set| set.cause.0).collect::<Vec<_>>())
            .bind(set.iter().map(|set| set.traceparent.as_deref()).collect::<Vec<_>>())
            .execute(&mut *db)
            .await?;
        }
        if !ended.is_empty() {
            sqlx::query("delete from ballet.deadline where saga_id = any($1)")
                .persistent(PLAN_KEPT)
                .bind(&ended)
                .execute(db)
                .await?;
        }
        Ok(())
    }
}

fn micros(after: SignedDuration) -> i64 {
    i64::try_from(after.as_micros()).unwrap_or(i64::MAX)
}

/// Tells of deadlines when they are due, until the service stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let sagas: Vec<&'static str> = engine.registry.with_deadline().map(|saga| saga.saga).collect();
    let mut stopping = engine.stopping.clone();
    loop {
        let pause = match tell_all(&engine, &sagas).await {
            Ok(pause) => pause,
            Err(failure) => {
                if failure.kind() == FailureKind::ConnectionLost {
                    engine.database_answers(false);
                }
                tracing::warn!("deadlines wait for the next look in {EVERY:?}: {failure}");
                EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = engine::stopped(&mut stopping) => return,
        }
    }
}

/// Tells of all that are due; how long the next one takes.
async fn tell_all(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<Duration, Failure> {
    loop {
        let mut db = engine.pool.acquire().await?;
        let pause = engine::answered(next(&mut db, sagas)).await?;
        drop(db);
        if !pause.is_zero() {
            return Ok(pause.clamp(BREATH, EVERY));
        }
        if Box::pin(guarded(tell(engine, sagas))).await? == 0 {
            return Ok(SOON);
        }
    }
}

/// How long it takes until the next one is due; nothing if one is.
async fn next(db: &mut PgConnection, sagas: &[&'static str]) -> Result<Duration, sqlx::Error> {
    let next: Option<(i64,)> = sqlx::query_as(
        "select ceil(extract(epoch from due_at - now()) * 1000)::bigint from ballet.deadline \
         where saga = any($1) order by due_at limit 1",
    )
    .persistent(PLAN_KEPT)
    .bind(sagas)
    .fetch_optional(db)
    .await?;
    let millis = next.map(|(millis,)| u64::try_from(millis).unwrap_or_default());
    Ok(millis.map_or(EVERY, Duration::from_millis))
}

/// Tells of a portion of those that are due; how many these were.
async fn tell(engine: &Arc<Engine>, sagas: &[&'static str]) -> Result<usize, Failure> {
    let mut unit = UnitOfWork::begin(Arc::clone(engine)).await?;
    let due = take(unit.db(), sagas).await?;
    for Passed { due, saga, cause, traceparent, .. } in &due {
        let declared = engine.registry.with_deadline().find(|declared| declared.saga == saga);
        let Some(deadline) = declared.and_then(|saga| saga.deadline.as_ref()) else { continue };
        let event = (deadline.tell)(*due)?;
        unit.enter(Some(due.saga_id), *cause, traceparent.clone());
        unit.scope.emit(event);
    }
    if due.is_empty() {
        return Ok(0);
    }
    unit.commit(&[]).await?;
    tracing::info!(deadlines = due.len(), "deadlines have passed");
    metrics::counter!("ballet_deadlines_passed_total").increment(due.len() as u64);
    for Passed { late, .. } in &due {
        metrics::histogram!("ballet_deadline_late_seconds").record(*late);
    }
    Ok(due.len())
}

struct Passed {
    due: Due,
    saga: String,
    cause: Option<MessageId>,
    traceparent: Option<String>,
    late: f64,
}

/// Takes a portion of those that are due, the oldest first. What another replica, or a decision, has
/// in its hands is passed over.
async fn take(db: &mut PgConnection, sagas: &[&'static str]) -> Result<Vec<Passed>, sqlx::Error> {
    type Columns = (Uuid, String, jiff_sqlx::Timestamp, Option<Uuid>, Option<String>, f64);
    let rows: Vec<Columns> = sqlx::query_as(
        "delete from ballet.deadline where saga_id = any(array(select saga_id \
             from ballet.deadline where due_at <= now() and saga = any($1) \
             order by due_at limit $2 for update skip locked)) \
         returning saga_id, saga, due_at, message_id, traceparent, \
             extract(epoch from now() - due_at)::float8",
    )
    .persistent(PLAN_KEPT)
    .bind(sagas)
    .bind(i64::try_from(PORTION).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let passed = |(saga_id, saga, due_at, cause, traceparent, late): Columns| Passed {
        due: Due { saga_id: SagaId(saga_id), at: due_at.to_jiff() },
        saga,
        cause: cause.map(MessageId),
        traceparent,
        late,
    };
    let mut passed: Vec<Passed> = rows.into_iter().map(passed).collect();
    passed.sort_by_key(|passed| passed.due.at);
    Ok(passed)
}
