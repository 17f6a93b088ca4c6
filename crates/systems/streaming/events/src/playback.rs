//! The events of playback.

use ballet_core::{Event, EventType, Key, Telemetry, TelemetryType};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{ACCOUNT, CLOSURE, DEVICE, SESSION, TITLE};
use crate::values::ids::{AccountId, ClosureId, DeviceId, SessionId, TitleId};

/// A viewer wants to watch a title: the session's saga begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for PlaybackRequested {
    const TYPE: EventType = EventType::in_saga("playback.playback_requested.v1");
    const KEYS: &'static [Key] = &[SESSION.made_here(), ACCOUNT, DEVICE, TITLE];
}

/// The session has a slot and a licence, and plays. It can no longer be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for PlaybackStarted {
    const TYPE: EventType = EventType::in_saga("playback.playback_started.v1");
    const KEYS: &'static [Key] = &[SESSION, TITLE];
}

/// The session will not start: every service compensates its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for PlaybackRefused {
    const TYPE: EventType = EventType::in_saga("playback.playback_refused.v1");
    const KEYS: &'static [Key] = &[SESSION];
}

/// Why a session does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybackDeadlinePassed {
    /// The session.
    pub session_id: SessionId,
    /// The time by which the session had to start.
    pub due_at: Timestamp,
}

impl Event for PlaybackDeadlinePassed {
    const TYPE: EventType = EventType::in_saga("playback.playback_deadline_passed.v1");
    const KEYS: &'static [Key] = &[SESSION];
}

/// A session that had started is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for PlaybackEnded {
    const TYPE: EventType = EventType::in_saga("playback.playback_ended.v1");
    const KEYS: &'static [Key] = &[SESSION, TITLE];
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Telemetry for Heartbeat {
    // Two replicas of each reader share the work.
    const TYPE: TelemetryType =
        TelemetryType::new("playback.heartbeat.v1").partitions(2).kept_days(3);

    fn key(&self) -> impl AsRef<[u8]> {
        self.session_id.0.into_bytes()
    }
}

/// Playback has no data about this account any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewerErased {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
}

impl Event for ViewerErased {
    const TYPE: EventType = EventType::in_saga("playback.viewer_erased.v1");
    const KEYS: &'static [Key] = &[CLOSURE, ACCOUNT];
}
