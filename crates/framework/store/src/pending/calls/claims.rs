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
    /// The maximum number of calls to claim.
    pub count: usize,
    pub claim_for: Duration,
}

/// Claims calls that are due, except those that the process holds. A claim that ran out belongs to
/// a process that has died, or is frozen and goes on later, so its request may be out for as long
/// again. The time is no later than `settled`, so a leap of the database's clock ends no claim.
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
    // Planned each time, since a plan that is made while the table is short, and then kept, reads
    // all of it.
    let rows: Vec<Columns> = sqlx::query_as(
        "with clock as (select ballet.now() as time), \
         room as (select * from unnest($1::text[], $2::boolean[], $3::bigint[], $4::float8[], \
             $7::boolean[]) as room (step, undo, count, claim_for, is_repeated)), \
         due as materialized (select due.ctid from room cross join lateral ( \
             select c.ctid from ballet.call c where c.closed_at is null and c.step = room.step \
             and c.undo = room.undo and c.next_at <= (select time from clock) \
             and (c.owner in (0, $5) or c.next_at <= coalesce($8::timestamptz, 'infinity')) \
             and (c.last_error is not null) = room.is_repeated \
             and c.call_key <> all($6) order by c.next_at \
             limit room.count for update skip locked) as due) \
         update ballet.call c set owner = $5, out_until = case when c.owner <> 0 \
             then greatest(c.out_until, time + make_interval(secs => room.claim_for)) else c.out_until end, \
         next_at = time + make_interval(secs => room.claim_for) from room, clock \
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

/// Makes open calls due whose time no pause and no claim can reach, because the database's clock
/// was ahead when it was written. A clock that is set back makes no call due that is being made.
pub async fn end_unreachable(
    pool: &PgPool,
    settled: Option<Timestamp>,
) -> Result<u64, sqlx::Error> {
    let end = "update ballet.call set next_at = time \
               from (select ballet.now() as time, greatest(ballet.now(), $1) as latest) as clock \
               where closed_at is null and next_at < 'infinity' and next_at > case \
                   when owner <> 0 then latest + interval '2 hours' \
                   when taken_at is not null then time + interval '2 hours' \
                   else time + interval '10 minutes' end";
    let end = sqlx::query(end).bind(settled.map(ToSqlx::to_sqlx)).persistent(false);
    Ok(end.execute(pool).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;
    use crate::schema::migrated_database::migrated;

    #[tokio::test]
    async fn only_a_call_that_waits_for_longer_than_any_claim_or_pause_is_made_due() {
        let (database, _) = migrated("unreachable").await;
        let pool = PgPool::connect(database.url()).await.expect("sessions");
        let calls = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, \
                         next_at) \
                     select gen_random_uuid(), gen_random_uuid(), 'pay', key, false, '', owner, now(), \
                         coalesce(ballet.now() + make_interval(mins => minutes), 'infinity') from (values \
                             ('claimed', 7, 61), ('too long', 7, 121), ('a year', 7, 525600), \
                             ('set aside', 7, null), ('waits', 0, 9), ('waits too long', 0, 11) \
                         ) as call (key, owner, minutes)";
        pool.execute(calls).await.expect("calls");
        let now = sqlx::query_scalar::<_, jiff_sqlx::Timestamp>("select ballet.now()");
        let now = now.fetch_one(&pool).await.expect("a time").to_jiff();
        let hour_ahead = now + jiff::SignedDuration::from_hours(1);
        assert_eq!(end_unreachable(&pool, Some(hour_ahead)).await.expect("an answer"), 2);
        assert_eq!(end_unreachable(&pool, None).await.expect("an answer"), 1);
        let due = "select key from ballet.call where next_at <= ballet.now() order by key";
        let due: Vec<String> = sqlx::query_scalar(due).fetch_all(&pool).await.expect("keys");
        assert_eq!(due, ["a year", "too long", "waits too long"]);
    }
}
