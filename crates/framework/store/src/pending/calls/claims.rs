//! Claims of calls in their table: who makes which open call, and until when.

use std::time::Duration;

use ballet_core::{MessageId, SagaId};
use sqlx::PgConnection;
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
/// again.
pub async fn claim(
    db: &mut PgConnection,
    process: i64,
    rooms: &[CallRoom],
    held: &[Uuid],
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
