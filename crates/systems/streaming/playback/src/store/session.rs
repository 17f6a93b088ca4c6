//! The rows of sessions, from the request to the end.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgExecutor};
use streaming_events::playback::{
    EndReason, Heartbeat, PlaybackRefused, PlaybackRequested, Refusal,
};
use streaming_events::titles::PlaybackLicenseGranted;
use streaming_events::{AccountId, SessionId};

use crate::session::Session;

/// The maximum of a count in a row.
const MOST: u32 = i32::MAX.unsigned_abs();

/// Returns false if there is one under the same key.
pub(crate) async fn request(
    db: &mut PgConnection,
    session: &PlaybackRequested,
    key: Option<&str>,
) -> Result<bool, Failure> {
    let stored = sqlx::query(
        "insert into session
             (session_id, account_id, device_id, title_id, status, requested_at, asked)
         values ($1, $2, $3, $4, 'requested', $5, sha256(convert_to($6, 'UTF8')))
         on conflict (asked) do nothing",
    )
    .bind(session.session_id.0)
    .bind(session.account_id.0)
    .bind(session.device_id.0)
    .bind(session.title_id.0)
    .bind(session.requested_at.to_sqlx())
    .bind(key)
    .execute(db)
    .await?;
    Ok(stored.rows_affected() == 1)
}

pub(crate) async fn find_asked(
    db: impl PgExecutor<'_>,
    key: &str,
) -> Result<Option<Session>, Failure> {
    let session =
        sqlx::query_as("select * from session where asked = sha256(convert_to($1, 'UTF8'))");
    Ok(session.bind(key).fetch_optional(db).await?)
}

/// Fails permanently if the session is not requested.
pub(crate) async fn start(
    db: &mut PgConnection,
    granted: &PlaybackLicenseGranted,
    now: Timestamp,
) -> Result<(), Failure> {
    let session_id = granted.session_id;
    let started = sqlx::query(
        "update session set status = 'playing', started_at = $2, seen_at = $2, until = $3,
             length_seconds = $4
         where session_id = $1 and status = 'requested'",
    )
    .bind(session_id.0)
    .bind(now.to_sqlx())
    .bind(granted.until.to_sqlx())
    .bind(i32::try_from(granted.length_seconds)?)
    .execute(db)
    .await?;
    if started.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Failure::permanent(format!("session {session_id} cannot start: it is not requested")))
    }
}

/// Fails permanently unless it is requested. If its account is erased or unknown, the session loses its account and
/// device.
pub(crate) async fn refuse(
    db: &mut PgConnection,
    refused: &PlaybackRefused,
    now: Timestamp,
) -> Result<(), Failure> {
    let session_id = refused.session_id;
    let done = sqlx::query(
        "with gone as (
             select $6 or exists (
                 select from session join erased on account = sha256(uuid_send(account_id))
                 where session_id = $1
             ) as is_gone
         )
         update session set status = 'refused', reason = $2, failed_step = $3, detail = $4,
             ended_at = $5,
             account_id = case when is_gone then null else account_id end,
             device_id = case when is_gone then null else device_id end
         from gone where session_id = $1 and status = 'requested'",
    )
    .bind(session_id.0)
    .bind(TextEnum(refused.reason))
    .bind(&refused.failed_step)
    .bind(&refused.detail)
    .bind(now.to_sqlx())
    .bind(refused.reason == Refusal::NoAccount)
    .execute(db)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Failure::permanent(format!(
            "session {session_id} cannot be refused: it is not requested"
        )))
    }
}

/// Old and repeated heartbeats change nothing. Returns plausible values: not watched for longer than the session is
/// old, no position after the title's end. `None` if the session does not play, or its licence has ended. A `seen_at`
/// from a clock that was ahead is set back to now.
pub(crate) async fn note(
    db: impl PgExecutor<'_>,
    heartbeat: Heartbeat,
) -> Result<Option<Heartbeat>, Failure> {
    let number = heartbeat.number.min(MOST);
    let believed: Option<(i32, i32)> = sqlx::query_as(
        "update session set
             seen_at = case when seen_at > $2 + interval '5 seconds' then $2
                 else greatest(seen_at, $2) end,
             watched_seconds = greatest(watched_seconds,
                 least($5, extract(epoch from $2 - started_at)::int)),
             position_seconds = case when $3 > number then least($4, length_seconds)
                 else position_seconds end,
             number = greatest(number, $3)
         where session_id = $1 and status = 'playing' and ending is null and until > $2
         returning least($4, length_seconds),
             greatest(least($5, extract(epoch from $2 - started_at)::int), 0)",
    )
    .bind(heartbeat.session_id.0)
    .bind(heartbeat.at.to_sqlx())
    .bind(i32::try_from(number)?)
    .bind(i32::try_from(heartbeat.position_seconds.min(MOST))?)
    .bind(i32::try_from(heartbeat.watched_seconds.min(MOST))?)
    .fetch_optional(db)
    .await?;
    let believed = believed.map(|(position, watched)| Heartbeat {
        number,
        position_seconds: position.unsigned_abs(),
        watched_seconds: watched.unsigned_abs(),
        ..heartbeat
    });
    Ok(believed)
}

/// Stores the position where the account stopped. Without a heartbeat it is unknown, so the one before stays. Returns
/// the session, with all heartbeats that it will ever have.
pub(crate) async fn end(
    db: &mut PgConnection,
    session_id: SessionId,
    reason: EndReason,
    ended_at: Timestamp,
) -> Result<Session, Failure> {
    let ended = sqlx::query_as(
        "with ended as (
             update session set status = 'ended', reason = $2, ended_at = $3
             where session_id = $1 and status = 'playing'
             returning *
         ), stopped as (
             insert into position (account_id, title_id, position_seconds, watched_at)
             select account_id, title_id, position_seconds, $3 from ended
             where account_id is not null and number > 0
             on conflict (account_id, title_id) do update set
                 position_seconds = excluded.position_seconds, watched_at = excluded.watched_at
             where position.watched_at <= excluded.watched_at
         )
         select * from ended",
    );
    let ended = ended.bind(session_id.0).bind(TextEnum(reason)).bind(ended_at.to_sqlx());
    Ok(ended.fetch_one(db).await?)
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    session_id: SessionId,
) -> Result<Option<Session>, Failure> {
    let session = sqlx::query_as("select * from session where session_id = $1");
    Ok(session.bind(session_id.0).fetch_optional(db).await?)
}

/// Returns the newest first: of all accounts or of one, all or only those that are not over.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    of: Option<AccountId>,
    open: bool,
    after: Option<SessionId>,
    limit: Limit,
) -> Result<Vec<Session>, Failure> {
    let sessions = sqlx::query_as(
        "select * from session
         where ($1::uuid is null or account_id = $1)
             and (not $2 or status in ('requested', 'playing'))
             and session_id < coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         order by session_id desc limit $4",
    )
    .bind(of.map(|account| account.0))
    .bind(open)
    .bind(after.map(|session| session.0))
    .bind(limit.rows())
    .fetch_all(db)
    .await?;
    Ok(sessions)
}
