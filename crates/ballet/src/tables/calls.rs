//! The table of external calls. The transaction that requests a call stores it, and the one that
//! handles its answer closes it.

use std::collections::HashSet;

use ballet_core::{MessageId, SagaId};
use ballet_fault::WorksOn;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::declare::call_step::CallKey;
use crate::declare::trace::Trace;

/// An external call: requested or open.
#[derive(Debug, Clone)]
pub(crate) struct NewCall {
    pub(crate) key: CallKey,
    pub(crate) saga_id: SagaId,
    pub(crate) step: String,
    pub(crate) step_key: String,
    pub(crate) undo: bool,
    pub(crate) request: String,
    pub(crate) cause: Option<MessageId>,
    /// The span of the step that requests the call.
    pub(crate) trace: Option<Trace>,
    pub(crate) attempts: u32,
}

impl WorksOn for NewCall {
    fn names(&self) -> Vec<String> {
        vec![format!("{}{}", if self.undo { "undo:" } else { "" }, self.step)]
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) call: NewCall,
    pub(crate) answer: String,
}

/// Stores the calls that a transaction requests.
pub(crate) async fn insert(
    db: &mut PgConnection,
    process: i64,
    calls: &[NewCall],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.call (call_key, saga_id, step, key, undo, request, message_id, \
         traceparent, owner, created_at, next_at) select *, $9, $10, $10 from unnest($1::uuid[], \
         $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::uuid[], $8::text[])",
    )
    .bind(calls.iter().map(|call| call.key.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.saga_id.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step_key.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.undo).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.request.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.cause.map(|id| id.0)).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.trace.as_ref().map(Trace::to_string)).collect::<Vec<_>>())
    .bind(process)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Closes calls with their answers, and returns the keys of those that were open. A closed call
/// already has its outcome.
pub(crate) async fn close(
    db: &mut PgConnection,
    answers: &[(CallKey, &str)],
    now: Timestamp,
) -> Result<HashSet<CallKey>, sqlx::Error> {
    if answers.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(Uuid,)> = sqlx::query_as(
        "update ballet.call set answer = given.answer, closed_at = $3 \
         from unnest($1::uuid[], $2::text[]) as given (call_key, answer) \
         where call.call_key = given.call_key and call.closed_at is null returning call.call_key",
    )
    .bind(answers.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
    .bind(answers.iter().map(|(_, answer)| *answer).collect::<Vec<_>>())
    .bind(now.to_sqlx())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(key,)| CallKey(key)).collect())
}

/// Opens calls again that this transaction has closed, and whose answers it does not handle after
/// all.
pub(crate) async fn reopen(db: &mut PgConnection, keys: &[CallKey]) -> Result<(), sqlx::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query("update ballet.call set answer = null, closed_at = null where call_key = any($1)")
        .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// Records a failed attempt, and the time of the next one.
pub(crate) async fn note_failure(
    pool: &PgPool,
    call: &NewCall,
    failure: &str,
    next_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.call set attempts = $2, last_error = $3, next_at = $4 \
         where call_key = $1 and closed_at is null",
    )
    .bind(call.key.0)
    .bind(i32::try_from(call.attempts).unwrap_or(i32::MAX))
    .bind(failure)
    .bind(next_at.to_sqlx())
    .execute(pool)
    .await?;
    Ok(())
}

/// Returns open calls that are due, except the given ones, each with the process responsible for
/// it.
pub(crate) async fn open(
    db: &mut PgConnection,
    except: &[Uuid],
    now: Timestamp,
) -> Result<Vec<(i64, NewCall)>, sqlx::Error> {
    type Columns =
        (i64, Uuid, Uuid, String, String, bool, String, Option<Uuid>, Option<String>, i32);
    let rows: Vec<Columns> = sqlx::query_as(
        "select owner, call_key, saga_id, step, key, undo, request, message_id, traceparent, \
         attempts from ballet.call where closed_at is null and next_at <= $1 \
         and call_key <> all($2) order by next_at limit 500",
    )
    .bind(now.to_sqlx())
    .bind(except)
    .fetch_all(db)
    .await?;
    let call = |columns: Columns| {
        let (process, key, saga, step, step_key, undo, request, cause, traceparent, attempts) =
            columns;
        let call = NewCall {
            key: CallKey(key),
            saga_id: SagaId(saga),
            step,
            step_key,
            undo,
            request,
            cause: cause.map(MessageId),
            trace: traceparent.as_deref().and_then(Trace::parse),
            attempts: u32::try_from(attempts).unwrap_or_default(),
        };
        (process, call)
    };
    Ok(rows.into_iter().map(call).collect())
}

/// Returns the number of calls without an answer.
pub(crate) async fn count_open(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let statement = "select count(*) from ballet.call where closed_at is null";
    let (open,): (i64,) = sqlx::query_as(statement).fetch_one(db).await?;
    Ok(open)
}

/// Takes over a call of a dead process.
pub(crate) async fn take_over(
    db: &mut PgConnection,
    key: CallKey,
    process: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update ballet.call set owner = $2 where call_key = $1 and closed_at is null")
        .bind(key.0)
        .bind(process)
        .execute(db)
        .await?;
    Ok(())
}
