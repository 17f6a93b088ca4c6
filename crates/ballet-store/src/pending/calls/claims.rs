//! Claims of calls in their table: who makes which open call, and until when.

use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::pending::calls::key::CallKey;
use crate::pending::calls::stored::{NewCall, StatedOutcome};
use crate::trace::Trace;

/// The room that a process has for calls of one step, or of its compensation.
#[derive(Debug)]
pub struct CallRoom {
    pub step: &'static str,
    pub undo: bool,
    /// Whether it is for calls that were asked before, or for those that were not.
    pub is_repeated: bool,
    /// The most calls to claim.
    pub count: usize,
    pub claim_for: Duration,
}

/// Claims calls that are due, except those that the process holds. One whose claim ran out belongs to a process
/// that has died, or is frozen and goes on later: its request may be out for as long again. The time is no later than
/// `settled`: a leap of the database's clock ends no claim of a process that is making the call.
pub async fn claim(
    db: &mut PgConnection,
    process: i64,
    rooms: &[CallRoom],
    held: &[Uuid],
    settled: Option<Timestamp>,
) -> Result<Vec<NewCall>, sqlx::Error> {
    type Columns = (
        Uuid,
        Uuid,
        String,
        String,
        bool,
        String,
        Option<Uuid>,
        Option<String>,
        i32,
        bool,
        jiff_sqlx::Timestamp,
        Option<String>,
        Option<String>,
    );
    // Planned each time, for the rows that there are: a plan that is made while the table is short,
    // and then kept, reads all of it.
    let rows: Vec<Columns> = sqlx::query_as(
        "with now as (select least(ballet.now(), $8::timestamptz + make_interval(secs => $9)) as now), room as (select * from unnest($1::text[], $2::boolean[], $3::bigint[], $4::float8[], \
             $7::boolean[]) as room (step, undo, count, claim_for, is_repeated)), \
         due as materialized (select due.ctid from room cross join lateral ( \
             select c.ctid from ballet.call c where c.closed_at is null and c.step = room.step \
             and c.undo = room.undo and c.next_at <= (select now from now) \
             and (c.last_error is not null) = room.is_repeated \
             and c.call_key <> all($6) order by c.next_at \
             limit room.count for update skip locked) as due) \
         update ballet.call c set owner = $5, out_until = case when c.owner <> 0 \
             then greatest(c.out_until, now + make_interval(secs => room.claim_for)) else c.out_until end, \
         next_at = now + make_interval(secs => room.claim_for) from room, now \
         where c.ctid = any(array(select ctid from due)) \
         and c.step = room.step and c.undo = room.undo \
         returning call_key, saga_id, c.step, key, c.undo, request, message_id, traceparent, \
         attempts, last_error is not null, least(asked_since, created_at), given, answer",
    )
    .bind(rooms.iter().map(|room| room.step).collect::<Vec<_>>())
    .bind(rooms.iter().map(|room| room.undo).collect::<Vec<_>>())
    .bind(
        rooms.iter().map(|room| i64::try_from(room.count).unwrap_or(i64::MAX)).collect::<Vec<_>>(),
    )
    .bind(rooms.iter().map(|room| room.claim_for.as_secs_f64()).collect::<Vec<_>>())
    .bind(process)
    .bind(held)
    .bind(rooms.iter().map(|room| room.is_repeated).collect::<Vec<_>>())
    .bind(settled.map(ToSqlx::to_sqlx))
    .bind(TOLERANCE.as_secs_f64())
    .persistent(false)
    .fetch_all(db)
    .await?;
    let call = |columns: Columns| {
        let (key, saga, step, step_key, undo, request, cause, traceparent, ..) = columns;
        let (.., attempts, again, at, given, answer) = columns;
        NewCall {
            key: CallKey(key),
            saga_id: SagaId(saga),
            step,
            step_key,
            undo,
            request,
            cause: cause.map(MessageId),
            trace: traceparent.as_deref().and_then(|stored| Trace::parse(stored, None)),
            asked_since: at.to_jiff(),
            attempts: u32::try_from(attempts).unwrap_or_default(),
            is_repeated: again,
            is_stored: true,
            given: StatedOutcome::read(given.as_deref(), answer),
        }
    };
    Ok(rows.into_iter().map(call).collect())
}

/// Ends the claims of processes that are gone.
pub async fn end_claims(db: &mut PgConnection, gone: &[i64]) -> Result<u64, sqlx::Error> {
    // One that is frozen, and not gone, may have an attempt out.
    let end = "update ballet.call set owner = 0, out_until = greatest(out_until, next_at), \
               next_at = least(next_at, ballet.now()) \
               where closed_at is null and owner = any($1)";
    Ok(sqlx::query(end).bind(gone).execute(db).await?.rows_affected())
}

/// Ends all claims on open calls, as if nobody were alive that makes them.
pub async fn end_all_claims(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let end = "update ballet.call set owner = 0, next_at = now() where closed_at is null";
    sqlx::query(end).execute(db).await.map(drop)
}

/// Processes measure time apart, so a time this much too late may be right.
const TOLERANCE: Duration = Duration::from_secs(60);

/// A line of calls, and the longest time to the next claim that it gives them.
#[derive(Debug)]
pub struct LineReach {
    pub step: &'static str,
    pub undo: bool,
    pub longest: Duration,
}

/// Makes open calls due whose time no pause and no claim can reach. The database's clock was ahead
/// when it was written. A call without an outcome yet, which has a reason and no failed attempts, waits
/// for at most `longest_wait`. One that is claimed may be a process's of another release, with other time limits: it
/// waits for at most `longest_claim`.
pub async fn end_unreachable(
    pool: &PgPool,
    lines: &[LineReach],
    longest_wait: Duration,
    longest_claim: Duration,
) -> Result<u64, sqlx::Error> {
    let end = "update ballet.call c set next_at = ballet.now() \
               from unnest($1::text[], $2::boolean[], $3::float8[]) as line (step, undo, longest) \
               where c.closed_at is null and c.step = line.step and c.undo = line.undo \
               and c.next_at < 'infinity' and c.next_at > (select ballet.now()) + make_interval(secs => $4 \
                   + greatest(line.longest, case when c.owner <> 0 then $6::float8 \
                       when c.attempts = 0 and c.last_error is not null then $5::float8 end))";
    let done = sqlx::query(end)
        .bind(lines.iter().map(|line| line.step).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.undo).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.longest.as_secs_f64()).collect::<Vec<_>>())
        .bind(TOLERANCE.as_secs_f64())
        .bind(longest_wait.as_secs_f64())
        .bind(longest_claim.as_secs_f64())
        .persistent(false)
        .execute(pool)
        .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;
    use crate::schema::migrated_database::migrated;

    #[tokio::test]
    async fn a_claim_of_another_release_is_left_alone_for_as_long_as_any_may_last() {
        let (database, _) = migrated("unreachable").await;
        let pool = PgPool::connect(database.url()).await.expect("sessions");
        let calls = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, \
                         attempts, next_at, last_error) \
                     select gen_random_uuid(), gen_random_uuid(), 'pay', key, false, '', owner, now(), attempts, \
                         ballet.now() + make_interval(mins => minutes), error from (values \
                             ('claimed', 7, 0, 31, null), ('claimed too long', 7, 0, 63, null), \
                             ('failed', 0, 1, 4, '500'), ('failed too long', 0, 1, 31, '500'), \
                             ('no outcome', 0, 0, 31, '202'), ('no outcome too long', 0, 0, 63, '202') \
                         ) as call (key, owner, attempts, minutes, error)";
        pool.execute(calls).await.expect("calls");
        let lines = [LineReach { step: "pay", undo: false, longest: Duration::from_secs(5 * 60) }];
        let (hour, claim) = (Duration::from_secs(60 * 60), Duration::from_secs(60 * 60 + 30));
        let ended = end_unreachable(&pool, &lines, hour, claim).await.expect("an answer");
        let due = "select key from ballet.call where next_at <= ballet.now() order by key";
        let due: Vec<String> = sqlx::query_scalar(due).fetch_all(&pool).await.expect("keys");
        assert_eq!(due, ["claimed too long", "failed too long", "no outcome too long"]);
        assert_eq!(ended, 3);
    }
}
