//! The licences of sessions.

use ballet::{Failure, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use streaming_events::titles::PlaybackLicenseGranted;
use streaming_events::{SessionId, TitleId};

/// The state of a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseState {
    /// The session may show its title.
    Live,
    /// The session is over.
    Ended,
    /// The session never started.
    Cancelled,
    /// The title was withdrawn.
    Revoked,
}

/// It names nobody, because it may be granted after the account is erased.
pub(crate) async fn grant(
    db: &mut PgConnection,
    granted: &PlaybackLicenseGranted,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into license (session_id, title_id, state, granted_at, until)
         values ($1, $2, 'live', $3, $4)",
    )
    .bind(granted.session_id.0)
    .bind(granted.title_id.0)
    .bind(now.to_sqlx())
    .bind(granted.until.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Leaves any other licence alone.
pub(crate) async fn end(
    db: &mut PgConnection,
    session_id: SessionId,
    state: LicenseState,
) -> Result<(), Failure> {
    sqlx::query("update license set state = $2 where session_id = $1 and state = 'live'")
        .bind(session_id.0)
        .bind(TextEnum(state))
        .execute(db)
        .await?;
    Ok(())
}

/// Returns the sessions in order.
pub(crate) async fn revoke_all(
    db: &mut PgConnection,
    title_id: TitleId,
) -> Result<Vec<SessionId>, Failure> {
    let mut sessions: Vec<Uuid> = sqlx::query_scalar(
        "update license set state = 'revoked' where title_id = $1 and state = 'live'
         returning session_id",
    )
    .bind(title_id.0)
    .fetch_all(db)
    .await?;
    sessions.sort_unstable();
    Ok(sessions.into_iter().map(SessionId).collect())
}
