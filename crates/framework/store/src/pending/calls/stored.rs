//! The table of external calls. The transaction that requests a call stores it, and the one that
//! handles its answer closes it.
//!
//! The table is a queue: an open call may be claimed once its `next_at` has passed, by the
//! database's clock. A claim moves `next_at` on, so the call is claimed again if the process dies.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ballet_core::fault::WorksOn;
use ballet_core::id::time_of;
use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::database::stored_text::storable;
use crate::ledger::rows::table;
use crate::pending::calls::key::CallKey;
use crate::trace::Trace;

/// Counting stops at this number.
const MAX_COUNTED: i64 = 10_000;
/// The longest text of a failure that is stored, in characters.
const LONGEST_ERROR: usize = 2000;

/// An external call: requested or open.
#[derive(Debug, Clone)]
pub struct NewCall {
    pub key: CallKey,
    pub saga_id: SagaId,
    pub step: String,
    pub step_key: String,
    pub undo: bool,
    pub request: String,
    pub cause: Option<MessageId>,
    /// The span of the step that requests the call.
    pub trace: Option<Trace>,
    /// Since when the other side may know its key.
    pub asked_since: Timestamp,
    pub attempts: u32,
    /// Whether it was asked before, without an answer that counts.
    pub is_repeated: bool,
    /// Whether it was read back from its table. Its saga may have gone on since.
    pub is_stored: bool,
    /// The outcome that a person has stated.
    pub given: Option<StatedOutcome>,
}

/// The outcome of a call that a person states, so that the call is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedOutcome {
    /// The answer of the other side, as JSON.
    Answer(String),
    /// The other side has done nothing. The call's saga is aborted.
    Nothing,
}

impl StatedOutcome {
    /// Returns the columns of the table: its kind, and the answer.
    pub(crate) fn stored(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Answer(answer) => ("answer", Some(answer)),
            Self::Nothing => ("nothing", None),
        }
    }

    /// Reads the columns of [`stored`](Self::stored).
    pub(crate) fn read(kind: Option<&str>, answer: Option<String>) -> Option<Self> {
        match (kind?, answer) {
            ("answer", Some(answer)) => Some(Self::Answer(answer)),
            ("nothing", _) => Some(Self::Nothing),
            _ => None,
        }
    }
}

impl NewCall {
    /// The span that the log lines about the call share.
    pub fn span(&self) -> tracing::Span {
        tracing::error_span!(
            "call", step = self.step, undo = self.undo, key = %self.key, saga = %self.saga_id
        )
    }
}

impl WorksOn for NewCall {
    fn names(&self) -> Vec<String> {
        vec![format!("{}{}", if self.undo { "undo:" } else { "" }, self.step)]
    }
}

/// Stores the calls that a transaction requests. Those with a time in `claimed_for` are claimed by
/// the process for that long; the others are due. A key may have been used before for the same, if
/// the ledger has forgotten it. The other side then gives the same answer, while it remembers the
/// key.
///
/// In a restored database, a call of a saga that had begun by then may have been made since the
/// backup. Nobody knows whether or when, so it counts as asked since the earliest time.
pub async fn insert(
    db: &mut PgConnection,
    process: i64,
    calls: &mut [NewCall],
    claimed_for: &[Option<Duration>],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let before: Vec<(Uuid, Option<jiff_sqlx::Timestamp>)> = sqlx::query_as(AssertSqlSafe(format!(
        "insert into ballet.call (call_key, saga_id, step, key, undo, request, message_id, \
         traceparent, owner, created_at, asked_since, next_at) \
         select new.call_key, new.saga_id, new.step, new.key, new.undo, new.request, \
         new.message_id, new.traceparent, case when new.claimed_for is null then 0 else $10 end, \
         $11, case when restored_at is not null \
             then greatest(new.begun_at, backup_at) - interval '5 minutes' end, \
         ballet.now() + make_interval(secs => coalesce(new.claimed_for, 0)) \
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], \
         $7::uuid[], $8::text[], $9::float8[], $12::timestamptz[]) as new (call_key, saga_id, \
         step, key, undo, request, message_id, traceparent, claimed_for, begun_at) \
         {RESTORED_SINCE} \
         on conflict (call_key) do update set answer = null, given = null, closed_at = null, \
         request = excluded.request, message_id = excluded.message_id, \
         traceparent = excluded.traceparent, owner = excluded.owner, \
         asked_since = least(call.asked_since, call.created_at, excluded.asked_since), \
         created_at = excluded.created_at, attempts = 0, last_error = null, taken_at = null, \
         next_at = excluded.next_at where call.closed_at is not null \
         returning call_key, asked_since",
    )))
    .bind(calls.iter().map(|call| call.key.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.saga_id.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step_key.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.undo).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.request.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.cause.map(|id| id.0)).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| Some(call.trace.as_ref()?.stored(None))).collect::<Vec<_>>())
    .bind(
        claimed_for.iter().map(|time| time.as_ref().map(Duration::as_secs_f64)).collect::<Vec<_>>(),
    )
    .bind(process)
    .bind(now.to_sqlx())
    .bind(
        calls
            .iter()
            .map(|call| time_of(call.saga_id.0).map(ToSqlx::to_sqlx))
            .collect::<Vec<Option<jiff_sqlx::Timestamp>>>(),
    )
    .fetch_all(db)
    .await?;
    let before: HashMap<Uuid, Timestamp> =
        before.into_iter().filter_map(|(key, since)| Some((key, since?.to_jiff()))).collect();
    for call in calls {
        if let Some(since) = before.get(&call.key.0) {
            call.asked_since = call.asked_since.min(*since);
        }
    }
    Ok(())
}

/// Joins the restore of the database to each `new` call that may have been made before it, because
/// its saga had begun by then.
///
/// The clocks that date sagas and the backup differ by less than five minutes. A saga without a
/// time in its id is new if its first row is from after the hold and the hour for which a repeated
/// message may wait in a retry queue. Nothing of it may have failed by then, since a dead letter
/// may be redriven much later. Where no time is known, the call may have been made at any time.
const RESTORED_SINCE: &str = "left join ballet.restored on coalesce( \
     new.begun_at < restored_at + interval '5 minutes', \
     exists (select from ballet.failure f where f.saga_id = new.saga_id \
         and f.first_failed_at < hold_until + interval '1 hour') \
     or (select min(l.recorded_at) from ballet.ledger_other l where l.saga_id = new.saga_id) \
         < hold_until + interval '1 hour', true)";

/// Closes calls with their answers, and returns the keys of those that were open. A closed call
/// already has its outcome.
pub async fn close(
    db: &mut PgConnection,
    answers: &[(CallKey, Option<&str>)],
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

/// Opens calls again that this transaction has closed and does not handle after all. An outcome
/// that a person has stated still counts.
pub async fn reopen(db: &mut PgConnection, keys: &[CallKey]) -> Result<(), sqlx::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let reopen = "update ballet.call set answer = case when given = 'answer' then answer end, \
                  closed_at = null where call_key = any($1)";
    let keys: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
    sqlx::query(reopen).bind(keys).execute(db).await.map(drop)
}

/// A failed attempt.
#[derive(Debug)]
pub struct FailedAttempt<'a> {
    pub call: &'a NewCall,
    pub failure: &'a str,
    /// The time to the next attempt. None if there is none until a person asks for it.
    pub pause: Option<Duration>,
    /// Whether the other side said that it has the request, and no outcome yet.
    pub is_taken: bool,
}

/// Records failed attempts, and ends the claims of the process on their calls.
pub async fn note_failures(
    pool: &PgPool,
    process: i64,
    failed: &[FailedAttempt<'_>],
) -> Result<(), sqlx::Error> {
    let text = |failed: &FailedAttempt<'_>| {
        storable(failed.failure).chars().take(LONGEST_ERROR).collect::<String>()
    };
    sqlx::query(
        "update ballet.call set owner = 0, attempts = failed.attempts, \
         last_error = failed.failure, next_at = case when failed.pause is null then 'infinity' \
             else ballet.now() + make_interval(secs => failed.pause) end, \
         taken_at = case when failed.is_taken then coalesce(call.taken_at, ballet.now()) \
             else call.taken_at end \
         from unnest($1::uuid[], $2::int[], $3::text[], $4::float8[], $6::boolean[]) \
         as failed (call_key, attempts, failure, pause, is_taken) \
         where call.call_key = failed.call_key and call.owner = $5 and call.closed_at is null",
    )
    .bind(failed.iter().map(|failed| failed.call.key.0).collect::<Vec<_>>())
    .bind(
        failed
            .iter()
            .map(|failed| i32::try_from(failed.call.attempts).unwrap_or(i32::MAX))
            .collect::<Vec<_>>(),
    )
    .bind(failed.iter().map(text).collect::<Vec<_>>())
    .bind(failed.iter().map(|failed| failed.pause.map(|it| it.as_secs_f64())).collect::<Vec<_>>())
    .bind(process)
    .bind(failed.iter().map(|failed| failed.is_taken).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}

/// Makes open calls due now, even claimed ones. The failure of an attempt that runs meanwhile is
/// not recorded, so it cannot put the next attempt off, but the time until which it may be out is
/// kept. Returns true if one of them is open.
pub async fn hurry(db: &mut PgConnection, keys: &[CallKey]) -> Result<bool, sqlx::Error> {
    if keys.is_empty() {
        return Ok(false);
    }
    let hurry = format!("{HURRY} call_key = any($1) and closed_at is null");
    let keys: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
    Ok(sqlx::query(AssertSqlSafe(hurry)).bind(keys).execute(db).await?.rows_affected() > 0)
}

/// Makes open calls due, and keeps until when an attempt may be out.
const HURRY: &str = "update ballet.call set out_until = case when owner <> 0 \
                     then greatest(out_until, next_at) else out_until end, \
                     owner = 0, next_at = ballet.now() where";

/// Makes the open calls of a saga's step due now, as [`hurry`] does. Returns true if there is one.
pub async fn hurry_step(
    db: &mut PgConnection,
    saga_id: SagaId,
    step: &str,
) -> Result<bool, sqlx::Error> {
    let hurry = format!("{HURRY} saga_id = $1 and step = $2 and not undo and closed_at is null");
    let hurry = sqlx::query(AssertSqlSafe(hurry)).bind(saga_id.0).bind(step);
    Ok(hurry.execute(db).await?.rows_affected() > 0)
}

/// Whether the saga of a call, or this repetition of its step, is aborted, and no request of a dead
/// or frozen process may still arrive.
pub async fn is_taken_back(pool: &PgPool, saga: &str, call: &NewCall) -> Result<bool, sqlx::Error> {
    let table = table(call.saga_id.0);
    let statement = format!(
        "select exists (select from ballet.{table} where saga_id = $1 and entry = 'aborted' \
         and ((step = '' and key = $2) or (step = $3 and key = $4))) and not exists ( \
         select from ballet.call where call_key = $5 and out_until > ballet.now())"
    );
    sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(call.saga_id.0)
        .bind(saga)
        .bind(&call.step)
        .bind(&call.step_key)
        .bind(call.key.0)
        .fetch_one(pool)
        .await
}

/// Returns the number of calls without an answer, up to 10,000.
pub async fn count_open(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    let statement =
        "select count(*) from (select from ballet.call where closed_at is null limit $1) as open";
    sqlx::query_scalar(statement).bind(MAX_COUNTED).fetch_one(db).await
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
