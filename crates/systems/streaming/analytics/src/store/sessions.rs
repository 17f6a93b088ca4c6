//! The starts and ends of sessions, as playback reports them.

use ballet::Failure;
use jiff::Unit;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use streaming_events::playback::{PlaybackEnded, PlaybackStarted};

use crate::count::floor;
use crate::store::counts::correct_ends;

/// A repeated start is the same view.
pub(crate) async fn started(
    db: &mut PgConnection,
    started: &PlaybackStarted,
) -> Result<(), Failure> {
    sqlx::query(
        "with new as (
             insert into session_start (session_id) values ($1) on conflict do nothing
             returning session_id
         )
         insert into title_hour as known (hour, title_id, views)
         select $3, $2, 1 from new
         on conflict (hour, title_id) do update set views = known.views + 1",
    )
    .bind(started.session_id.0)
    .bind(started.title_id.0)
    .bind(floor(started.started_at, Unit::Hour).to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Corrects what the session's heartbeats said.
pub(crate) async fn ended(db: &mut PgConnection, ended: &PlaybackEnded) -> Result<(), Failure> {
    // After this lock, concurrent heartbeats of the session are either counted, or wait.
    sqlx::query(
        "insert into session_count as known (session_id, title_id, number, watched_seconds, minute)
         values ($1, $2, 0, 0, '-infinity')
         on conflict (session_id) do update set number = known.number",
    )
    .bind(ended.session_id.0)
    .bind(ended.title_id.0)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "insert into session_end (session_id, title_id, hour, watched_seconds, corrected_seconds)
         values ($1, $2, $3, $4, 0) on conflict do nothing",
    )
    .bind(ended.session_id.0)
    .bind(ended.title_id.0)
    .bind(floor(ended.ended_at, Unit::Hour).to_sqlx())
    .bind(i32::try_from(ended.watched_seconds).unwrap_or(i32::MAX))
    .execute(&mut *db)
    .await?;
    correct_ends(db, Some(&[ended.session_id.0])).await
}
