use ballet::TextEnum;
use common::rows::{time, time_if_any};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use streaming_events::playback::EndReason;
use streaming_events::{AccountId, DeviceId, SessionId, TitleId};

/// The status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// The session waits for a slot and a licence.
    Requested,
    /// The session plays.
    Playing,
    /// The session never started.
    Refused,
    /// The session is over.
    Ended,
}

/// A session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Session {
    /// The session.
    pub(crate) session_id: SessionId,
    /// The account. Missing once it is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account_id: Option<AccountId>,
    /// The device. Missing once the account is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<DeviceId>,
    /// The title.
    pub(crate) title_id: TitleId,
    /// The status of the session.
    pub(crate) status: SessionStatus,
    /// Why the session is about to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ending: Option<EndReason>,
    /// When the session was requested.
    pub(crate) requested_at: Timestamp,
    /// When the session started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    /// When the session's licence ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The time of the last heartbeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seen_at: Option<Timestamp>,
    /// The position in the title.
    pub(crate) position_seconds: i32,
    /// The seconds that the session was watched.
    pub(crate) watched_seconds: i32,
    /// Why the session was refused, or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The step that refused, if a step did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failed_step: Option<String>,
    /// The cause and the viewer's options, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// When the session was refused, or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
}

/// The position where an account stopped in a title.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Position")]
pub(crate) struct WatchPosition {
    /// The title.
    pub(crate) title_id: TitleId,
    /// The position in the title.
    pub(crate) position_seconds: i32,
    /// When the title was watched.
    pub(crate) watched_at: Timestamp,
}

impl FromRow<'_, PgRow> for Session {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let TextEnum(status) = row.try_get("status")?;
        let ending: Option<TextEnum<_>> = row.try_get("ending")?;
        let (account, device): (Option<sqlx::types::Uuid>, Option<sqlx::types::Uuid>) =
            (row.try_get("account_id")?, row.try_get("device_id")?);
        Ok(Self {
            session_id: SessionId(row.try_get("session_id")?),
            account_id: account.map(AccountId),
            device_id: device.map(DeviceId),
            title_id: TitleId(row.try_get("title_id")?),
            status,
            ending: ending.map(|TextEnum(ending)| ending),
            requested_at: time(row, "requested_at")?,
            started_at: time_if_any(row, "started_at")?,
            until: time_if_any(row, "until")?,
            seen_at: time_if_any(row, "seen_at")?,
            position_seconds: row.try_get("position_seconds")?,
            watched_seconds: row.try_get("watched_seconds")?,
            reason: row.try_get("reason")?,
            failed_step: row.try_get("failed_step")?,
            detail: row.try_get("detail")?,
            ended_at: time_if_any(row, "ended_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for WatchPosition {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            title_id: TitleId(row.try_get("title_id")?),
            position_seconds: row.try_get("position_seconds")?,
            watched_at: time(row, "watched_at")?,
        })
    }
}
