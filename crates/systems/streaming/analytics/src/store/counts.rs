//! The rows into which heartbeats are counted. Each statement locks its rows in the same order. A deadlock is still
//! possible, between two readers, or between a reader and the ends of several sessions. Then Postgres aborts one of
//! the transactions, and it runs again.

use std::collections::HashMap;

use ballet::Failure;
use jiff::{Timestamp, Unit};
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use streaming_events::{SessionId, TitleId};
use uuid::Uuid;

use crate::count::{HeartbeatCounts, SessionCount, floor};

/// When minutes are deleted, their peaks are in the hours.
const MINUTES_KEPT: &str = "2 days";

/// Returns the counts so far. Nobody else changes them: a session's heartbeats are in one partition, which has one reader.
pub(crate) async fn of_sessions(
    db: &mut PgConnection,
    sessions: &[SessionId],
) -> Result<HashMap<SessionId, SessionCount>, Failure> {
    type Columns = (Uuid, Uuid, i32, i32, jiff_sqlx::Timestamp);
    // The end of a session may have come first. Then no heartbeat is counted yet.
    let rows: Vec<Columns> = sqlx::query_as(
        "select session_id, title_id, number, watched_seconds,
             case when number > 0 then minute else 'epoch' end
         from session_count
         where session_id = any($1)",
    )
    .bind(sessions.iter().map(|session| session.0).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let counted = |(session, title, number, watched, minute): Columns| {
        let counted = SessionCount {
            title_id: TitleId(title),
            number: number.unsigned_abs(),
            watched_seconds: watched.unsigned_abs(),
            minute: minute.to_jiff(),
        };
        (SessionId(session), counted)
    };
    Ok(rows.into_iter().map(counted).collect())
}

pub(crate) async fn add(db: &mut PgConnection, counts: &HeartbeatCounts) -> Result<(), Failure> {
    if counts.sessions.is_empty() {
        return Ok(());
    }
    let mut sessions: Vec<_> = counts.sessions.iter().collect();
    sessions.sort_by_key(|(session, _)| session.0);
    let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    sqlx::query(
        "insert into session_count as known (session_id, title_id, number, watched_seconds, minute)
         select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::timestamptz[])
         on conflict (session_id) do update set number = excluded.number,
             watched_seconds = excluded.watched_seconds, minute = excluded.minute",
    )
    .bind(sessions.iter().map(|(session, _)| session.0).collect::<Vec<_>>())
    .bind(sessions.iter().map(|(_, counted)| counted.title_id.0).collect::<Vec<_>>())
    .bind(sessions.iter().map(|(_, counted)| small(counted.number)).collect::<Vec<_>>())
    .bind(sessions.iter().map(|(_, counted)| small(counted.watched_seconds)).collect::<Vec<_>>())
    .bind(sessions.iter().map(|(_, counted)| counted.minute.to_sqlx()).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    add_minutes(db, counts).await?;
    add_late(db, counts).await?;
    let ids: Vec<Uuid> = sessions.iter().map(|(session, _)| session.0).collect();
    correct_ends(db, Some(&ids)).await
}

async fn add_minutes(db: &mut PgConnection, counts: &HeartbeatCounts) -> Result<(), Failure> {
    let Some((newest, _)) = counts.minutes.keys().next_back() else { return Ok(()) };
    let minutes: Vec<_> = counts.minutes.iter().collect();
    let hour = |at: Timestamp| floor(at, Unit::Hour).to_sqlx();
    sqlx::query(
        "with gained as materialized (
             select * from unnest($1::timestamptz[], $2::uuid[], $3::int[], $4::bigint[], $5::timestamptz[])
                 as gained (minute, title_id, viewers, watched_seconds, hour)
         ), minutes as (
             insert into title_minute as known (minute, title_id, viewers, watched_seconds)
             select minute, title_id, viewers, watched_seconds from gained order by minute, title_id
             on conflict (minute, title_id) do update set
                 viewers = known.viewers + excluded.viewers,
                 watched_seconds = known.watched_seconds + excluded.watched_seconds
             returning minute, title_id, viewers
         )
         insert into title_hour as known (hour, title_id, watched_seconds, peak)
         select hour, title_id, sum(gained.watched_seconds), max(minutes.viewers)
         from gained join minutes using (minute, title_id)
         group by hour, title_id order by hour, title_id
         on conflict (hour, title_id) do update set
             watched_seconds = known.watched_seconds + excluded.watched_seconds,
             peak = greatest(known.peak, excluded.peak)",
    )
    .bind(minutes.iter().map(|((minute, _), _)| minute.to_sqlx()).collect::<Vec<_>>())
    .bind(minutes.iter().map(|((_, title), _)| title.0).collect::<Vec<_>>())
    .bind(minutes.iter().map(|(_, gain)| gain.viewers).collect::<Vec<_>>())
    .bind(minutes.iter().map(|(_, gain)| gain.watched_seconds).collect::<Vec<_>>())
    .bind(minutes.iter().map(|((minute, _), _)| hour(*minute)).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    // Each batch deletes a few old minutes.
    let forget = format!(
        "delete from title_minute where ctid = any(array(select ctid from title_minute
         where minute < $1 - interval '{MINUTES_KEPT}' order by minute limit 200 for update skip locked))"
    );
    sqlx::query(sqlx::AssertSqlSafe(forget)).bind(newest.to_sqlx()).execute(db).await?;
    Ok(())
}

async fn add_late(db: &mut PgConnection, counts: &HeartbeatCounts) -> Result<(), Failure> {
    let late: Vec<_> = counts.late.iter().filter(|(_, seconds)| **seconds > 0).collect();
    if late.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into title_hour as known (hour, title_id, corrected_seconds)
         select * from unnest($1::timestamptz[], $2::uuid[], $3::bigint[])
             as late (hour, title_id, watched_seconds) order by hour, title_id
         on conflict (hour, title_id) do update set
             corrected_seconds = known.corrected_seconds + excluded.corrected_seconds",
    )
    .bind(late.iter().map(|((hour, _), _)| hour.to_sqlx()).collect::<Vec<_>>())
    .bind(late.iter().map(|((_, title), _)| title.0).collect::<Vec<_>>())
    .bind(late.iter().map(|(_, seconds)| **seconds).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// A session counts for as long as its end says, whether the heartbeats or the end come first. The caller has locked the
/// rows of `session_count`.
pub(crate) async fn correct_ends(
    db: &mut PgConnection,
    sessions: Option<&[Uuid]>,
) -> Result<(), Failure> {
    sqlx::query(
        "with wrong as materialized (
             select session_id, hour, session_end.title_id, session_end.corrected_seconds as before,
                 session_end.watched_seconds - coalesce(session_count.watched_seconds, 0) as after
             from session_end left join session_count using (session_id)
             where $1::uuid[] is null or session_id = any($1)
         ), ends as (
             update session_end set corrected_seconds = wrong.after from wrong
             where session_end.session_id = wrong.session_id and wrong.before <> wrong.after
         )
         insert into title_hour as known (hour, title_id, corrected_seconds)
         select hour, title_id, sum(after - before) from wrong where before <> after
         group by hour, title_id order by hour, title_id
         on conflict (hour, title_id) do update set
             corrected_seconds = known.corrected_seconds + excluded.corrected_seconds",
    )
    .bind(sessions)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes all counts. The starts and ends of sessions stay.
pub(crate) async fn reset(db: &mut PgConnection) -> Result<(), Failure> {
    for table in ["session_count", "title_minute"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table}"))).execute(&mut *db).await?;
    }
    sqlx::query("update title_hour set watched_seconds = 0, corrected_seconds = 0, peak = 0")
        .execute(&mut *db)
        .await?;
    sqlx::query("update session_end set corrected_seconds = 0").execute(&mut *db).await?;
    correct_ends(db, None).await
}
