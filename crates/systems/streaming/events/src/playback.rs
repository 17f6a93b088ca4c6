//! The events of playback.

use ballet_core::{event, telemetry, value};
use jiff::Timestamp;

use crate::values::ids::{AccountId, ClosureId, DeviceId, SessionId, TitleId};

/// A viewer wants to watch a title: the session's saga begins.
#[event(
    "playback.playback_requested.v1",
    in_saga, packs,
    keys(
        session = session_id.made_here(),
        account = account_id,
        device = device_id,
        title = title_id
    )
)]
pub struct PlaybackRequested {
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub account_id: AccountId,
    /// The device.
    pub device_id: DeviceId,
    /// The title.
    pub title_id: TitleId,
    /// When the session was requested.
    pub requested_at: Timestamp,
}

/// The session has a slot and a licence, and plays. It can no longer be refused.
#[event(
    "playback.playback_started.v1",
    in_saga, packs,
    keys(session = session_id, title = title_id)
)]
pub struct PlaybackStarted {
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
    /// When the session started.
    pub started_at: Timestamp,
    /// When the session's licence ends.
    pub until: Timestamp,
}

/// The session will not start: every service compensates its part.
#[event("playback.playback_refused.v1", in_saga, packs, keys(session = session_id))]
pub struct PlaybackRefused {
    /// The session.
    pub session_id: SessionId,
    /// The reason.
    pub reason: Refusal,
    /// The step that refused, if a step did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
    /// The exact cause and the viewer's options, as a sentence.
    pub detail: String,
}

/// Why a session does not start.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// All slots of the plan are taken.
    NoSlot,
    /// The account does not exist, or is closed.
    NoAccount,
    /// The account has no such device.
    UnknownDevice,
    /// There is no such title.
    UnknownTitle,
    /// The title was withdrawn.
    Withdrawn,
    /// The title is not shown in the account's region.
    Region,
    /// The title is shown there at another time.
    NotInPeriod,
    /// The title is for viewers above the age of the plan.
    Age,
    /// The viewer cancelled.
    Cancelled,
    /// Slot and licence did not come in time.
    DeadlinePassed,
}

/// The time in which a session had to start has passed. Only playback consumes this event, and then decides.
#[event("playback.playback_deadline_passed.v1", in_saga, packs, keys(session = session_id))]
#[derive(Copy)]
pub struct PlaybackDeadlinePassed {
    /// The session.
    pub session_id: SessionId,
    /// The time by which the session had to start.
    pub due_at: Timestamp,
}

/// A session that had started is over.
#[event("playback.playback_ended.v1", in_saga, packs, keys(session = session_id, title = title_id))]
pub struct PlaybackEnded {
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
    /// The reason.
    pub reason: EndReason,
    /// When the session started.
    pub started_at: Timestamp,
    /// When the session ended. For a lost session, the time of its last heartbeat.
    pub ended_at: Timestamp,
    /// The seconds that the session was watched.
    pub watched_seconds: u32,
    /// The position in the title.
    pub position_seconds: u32,
}

/// Why a session is over.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The viewer stopped, on this device or on another.
    Stopped,
    /// Another session took the slot, or the plan has fewer streams now.
    Displaced,
    /// The title was withdrawn.
    Withdrawn,
    /// The licence ended.
    LicenseExpired,
    /// The account was closed.
    Closed,
    /// The heartbeats stopped.
    Lost,
}

/// A heartbeat of a session. This is telemetry, not an event. All counts are sums since the start, so duplicates and
/// disorder change nothing: the greatest number is the newest.
// Two replicas of each reader share the work.
#[telemetry("playback.heartbeat.v1", key = session_id, partitions = 2, kept_days = 3)]
#[derive(Copy)]
pub struct Heartbeat {
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
    /// The number of the heartbeat. It grows in a session.
    pub number: u32,
    /// The position in the title.
    pub position_seconds: u32,
    /// The seconds that the session was watched so far.
    pub watched_seconds: u32,
    /// When playback received the heartbeat.
    pub at: Timestamp,
}

/// Playback has no data about this account any more.
#[event(
    "playback.viewer_erased.v1",
    in_saga, packs,
    keys(closure = closure_id, account = account_id)
)]
pub struct ViewerErased {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
}
