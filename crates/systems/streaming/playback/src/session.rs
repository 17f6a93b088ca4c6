//! A session as it is stored and shown.

use ballet::TextEnum;
use common::rows::Time;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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

common::row! { Session:
    session_id, account_id, device_id, title_id, status as TextEnum, ending as [TextEnum],
    requested_at as Time, started_at as [Time], until as [Time], seen_at as [Time],
    position_seconds, watched_seconds, reason, failed_step, detail, ended_at as [Time],
}

common::row! { WatchPosition: title_id, position_seconds, watched_at as Time }
