//! The table of external calls. The transaction that requests a call stores it, and the one that
//! handles its answer closes it.
//!
//! The table is a queue: an open call may be claimed once its `next_at` has passed, by the
//! database's clock. A claim moves `next_at` on, so the call is claimed again if the process dies.

use std::collections::HashSet;
use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use ballet_fault::WorksOn;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::declare::call_step::CallKey;
use crate::declare::trace::Trace;

/// The longest text of a failure that is stored, in characters.
const LONGEST_ERROR: usize = 2000;

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

impl NewCall {
    /// What the log lines about the call have in common.
    pub(crate) fn span(&self) -> tracing::Span {
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
/// the process for that long; the others are due.
pub(crate) async fn insert(
    db: &mut PgConnection,
    process: i64,
    calls: &[NewCall],
    claimed_for: &[Option<Duration>],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.call (call_key, saga_id, step, key, undo, request, message_id, \
         traceparent, owner, created_at, next_at) \
         select new.call_key, new.saga_id, new.step, new.key, new.undo, new.request, \
         new.message_id, new.traceparent, case when new.claimed_for is null then 0 else $10 end, \
         $11, ballet.now() + make_interval(secs => coalesce(new.claimed_for, 0)) \
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], \
         $7::uuid[], $8::text[], $9::float8[]) as new (call_key, saga_id, step, key, undo, \
         request, message_id, traceparent, claimed_for)",
    )
    .bind(calls.iter().map(|call| call.key.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.saga_id.0).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.step_key.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.undo).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.request.clone()).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.cause.map(|id| id.0)).collect::<Vec<_>>())
    .bind(calls.iter().map(|call| call.trace.as_ref().map(Trace::to_string)).collect::<Vec<_>>())
    .bind(
        claimed_for.iter().map(|time| time.as_ref().map(Duration::as_secs_f64)).collect::<Vec<_>>(),
    )
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

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) call: &'a NewCall,
    pub(crate) failure: &'a str,
    /// The time to the next attempt.
    pub(crate) pause: Duration,
}

/// Records failed attempts, and ends the claims of the process on their calls.
pub(crate) async fn note_failures(
    pool: &PgPool,
    process: i64,
    failed: &[Failed<'_>],
) -> Result<(), sqlx::Error> {
    // Postgres does not store zero bytes in text.
    let text = |failed: &Failed<'_>| {
        failed.failure.chars().filter(|c| *c != '\0').take(LONGEST_ERROR).collect::<String>()
    };
    sqlx::query(
        "update ballet.call set owner = 0, attempts = failed.attempts, \
         last_error = failed.failure, next_at = ballet.now() + make_interval(secs => failed.pause) \
         from unnest($1::uuid[], $2::int[], $3::text[], $4::float8[]) \
         as failed (call_key, attempts, failure, pause) \
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
    .bind(failed.iter().map(|failed| failed.pause.as_secs_f64()).collect::<Vec<_>>())
    .bind(process)
    .execute(pool)
    .await?;
    Ok(())
}

/// Makes an open call due now, whoever has claimed it. The failure of an attempt that runs meanwhile
/// is not recorded, so it cannot put the next attempt off. Returns true if the call is open.
pub(crate) async fn hurry(db: &mut PgConnection, key: CallKey) -> Result<bool, sqlx::Error> {
    let hurry = "update ballet.call set owner = 0, next_at = ballet.now() \
                 where call_key = $1 and closed_at is null";
    Ok(sqlx::query(hurry).bind(key.0).execute(db).await?.rows_affected() > 0)
}

/// The room that a process has for calls of one step, or of its compensation.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) step: &'static str,
    pub(crate) undo: bool,
    /// The most calls to claim.
    pub(crate) count: usize,
    pub(crate) claim_for: Duration,
}

/// Claims calls that are due, the oldest first, except those that the process holds, and those of
/// owners with these lock keys.
pub(crate) async fn claim(
    db: &mut PgConnection,
    process: i64,
    rooms: &[Room],
    held: &[Uuid],
    except_owners: &[i64],
) -> Result<Vec<NewCall>, sqlx::Error> {
    type Columns = (Uuid, Uuid, String, String, bool, String, Option<Uuid>, Option<String>, i32);
    // Planned each time, for the rows that there are: a plan that is made while the table is short,
    // and then kept, reads all of it.
    let rows: Vec<Columns> = sqlx::query_as(
        "with room as (select * from unnest($1::text[], $2::boolean[], $3::bigint[], $4::float8[]) \
         as room (step, undo, count, claim_for)), \
         due as materialized (select due.ctid from room cross join lateral ( \
             select c.ctid from ballet.call c where c.closed_at is null and c.step = room.step \
             and c.undo = room.undo and c.next_at <= (select ballet.now()) \
             and c.call_key <> all($6) and (c.owner & 4294967295) <> all($7) order by c.next_at limit room.count \
             for update skip locked) as due) \
         update ballet.call c set owner = $5, \
         next_at = ballet.now() + make_interval(secs => room.claim_for) from room \
         where c.ctid = any(array(select ctid from due)) \
         and c.step = room.step and c.undo = room.undo \
         returning call_key, saga_id, c.step, key, c.undo, request, message_id, traceparent, \
         attempts",
    )
    .bind(rooms.iter().map(|room| room.step).collect::<Vec<_>>())
    .bind(rooms.iter().map(|room| room.undo).collect::<Vec<_>>())
    .bind(
        rooms.iter().map(|room| i64::try_from(room.count).unwrap_or(i64::MAX)).collect::<Vec<_>>(),
    )
    .bind(rooms.iter().map(|room| room.claim_for.as_secs_f64()).collect::<Vec<_>>())
    .bind(process)
    .bind(held)
    .bind(except_owners)
    .persistent(false)
    .fetch_all(db)
    .await?;
    let call = |columns: Columns| {
        let (key, saga, step, step_key, undo, request, cause, traceparent, attempts) = columns;
        NewCall {
            key: CallKey(key),
            saga_id: SagaId(saga),
            step,
            step_key,
            undo,
            request,
            cause: cause.map(MessageId),
            trace: traceparent.as_deref().and_then(Trace::parse),
            attempts: u32::try_from(attempts).unwrap_or_default(),
        }
    };
    Ok(rows.into_iter().map(call).collect())
}

/// Ends the claims of processes that are gone.
pub(crate) async fn end_claims(db: &mut PgConnection, gone: &[i64]) -> Result<u64, sqlx::Error> {
    let end = "update ballet.call set owner = 0, next_at = least(next_at, ballet.now()) \
               where closed_at is null and owner = any($1)";
    Ok(sqlx::query(end).bind(gone).execute(db).await?.rows_affected())
}

/// Processes measure time apart, so a time this much too late may be right.
const TOLERANCE: Duration = Duration::from_secs(60);

/// A line of calls, and the longest time to the next claim that it gives them.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) step: &'static str,
    pub(crate) undo: bool,
    pub(crate) longest: Duration,
}

/// Makes open calls due whose time no pause and no claim can reach. The database's clock was ahead
/// when it was written. A call without an outcome yet, which has a reason and no failed attempts, waits
/// for at most `longest_wait`.
pub(crate) async fn end_unreachable(
    pool: &PgPool,
    lines: &[Reach],
    longest_wait: Duration,
) -> Result<u64, sqlx::Error> {
    let end = "update ballet.call c set next_at = ballet.now() \
               from unnest($1::text[], $2::boolean[], $3::float8[]) as line (step, undo, longest) \
               where c.closed_at is null and c.step = line.step and c.undo = line.undo \
               and c.next_at > (select ballet.now()) + make_interval(secs => $4 + case \
                   when c.attempts = 0 and c.last_error is not null then greatest(line.longest, $5) \
                   else line.longest end)";
    let done = sqlx::query(end)
        .bind(lines.iter().map(|line| line.step).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.undo).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.longest.as_secs_f64()).collect::<Vec<_>>())
        .bind(TOLERANCE.as_secs_f64())
        .bind(longest_wait.as_secs_f64())
        .persistent(false)
        .execute(pool)
        .await?;
    Ok(done.rows_affected())
}

/// Returns the number of calls without an answer.
pub(crate) async fn count_open(pool: &PgPool) -> Result<i64, sqlx::Error> {
    let statement = "select count(*) from ballet.call where closed_at is null";
    let (open,): (i64,) = sqlx::query_as(statement).fetch_one(pool).await?;
    Ok(open)
}
