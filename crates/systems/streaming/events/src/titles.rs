//! The events of titles. Events about a title carry the whole title as it is after the change: of two states of a
//! title, the one with the higher version is the newer.

use ballet_core::{Entity, EntityEvent, Event, EventType, Key, Versioned};
use common::values::{Country, Slug};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{SESSION, TITLE, WITHDRAWAL};
use crate::values::ids::{SessionId, TitleId, WithdrawalId};

/// The whole state of a title after one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Title {
    /// The title.
    pub title_id: TitleId,
    /// 1 when the title is published, and 1 more with each change of it.
    pub version: i64,
    /// The name.
    pub name: String,
    /// The description. It may be empty.
    pub description: String,
    /// The genre.
    pub genre: Slug,
    /// The minimum age of viewers.
    pub min_age: u8,
    /// The length of the title.
    pub length_seconds: u32,
    /// The regions and periods in which the title may be shown.
    pub rights: Vec<Right>,
    /// When the title was published.
    pub published_at: Timestamp,
    /// When the title was changed last.
    pub changed_at: Timestamp,
}

/// The right to show a title in a region for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Right {
    /// The region.
    pub region: Country,
    /// The first moment.
    pub from: Timestamp,
    /// The moment at which the right ends.
    pub until: Timestamp,
}

impl Entity for Title {
    const NAME: &'static str = "title";
    const REPUBLISHED: EventType = EventType::plain("titles.titles_republished.v1");
    const REQUESTS: &'static [EventType] = &[EventType::plain("analytics.titles_requested.v1")];
}

/// A title can be watched from now on, where there are rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TitlePublished(pub Title);

impl Event for TitlePublished {
    const TYPE: EventType = EventType::plain("titles.title_published.v1");
    const KEYS: &'static [Key] = &[TITLE.made_here()];
}

impl EntityEvent for TitlePublished {
    type Entity = Title;

    fn into_version(self) -> Versioned<Title> {
        let id = self.0.title_id.to_string();
        Versioned::of(id, self.0.version, self.0)
    }
}

/// A title can no longer be watched. A withdrawal is final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TitleWithdrawn {
    /// The withdrawal.
    pub withdrawal_id: WithdrawalId,
    /// The title.
    #[serde(flatten)]
    pub title: Title,
}

impl Event for TitleWithdrawn {
    const TYPE: EventType = EventType::in_saga("titles.title_withdrawn.v1");
    const KEYS: &'static [Key] = &[WITHDRAWAL.made_here(), TITLE];
}

impl EntityEvent for TitleWithdrawn {
    type Entity = Title;

    fn into_version(self) -> Versioned<Title> {
        Versioned::removed(self.title.title_id.to_string(), self.title.version)
    }
}

/// All licences of a title that was withdrawn are revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TitleLicensesRevoked {
    /// The withdrawal.
    pub withdrawal_id: WithdrawalId,
    /// The title.
    pub title_id: TitleId,
    /// The number of sessions that had a licence.
    pub sessions: u64,
}

impl Event for TitleLicensesRevoked {
    const TYPE: EventType = EventType::in_saga("titles.title_licenses_revoked.v1");
    const KEYS: &'static [Key] = &[WITHDRAWAL, TITLE];
}

/// A session lost its licence, because its title was withdrawn. There is one event for each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybackLicenseRevoked {
    /// The withdrawal.
    pub withdrawal_id: WithdrawalId,
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
}

impl Event for PlaybackLicenseRevoked {
    const TYPE: EventType = EventType::in_saga("titles.playback_license_revoked.v1");
    const KEYS: &'static [Key] = &[WITHDRAWAL, SESSION, TITLE];
}

/// A session may show its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybackLicenseGranted {
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
    /// When the licence ends.
    pub until: Timestamp,
    /// The length of the title.
    pub length_seconds: u32,
}

impl Event for PlaybackLicenseGranted {
    const TYPE: EventType = EventType::in_saga("titles.playback_license_granted.v1");
    const KEYS: &'static [Key] = &[SESSION, TITLE];
}

/// A session may not show its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybackLicenseDenied {
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
    /// The reason.
    pub reason: LicenseDenial,
}

/// Why a session may not show its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenseDenial {
    /// There is no such title.
    UnknownTitle,
    /// The title was withdrawn.
    Withdrawn,
    /// The title is not shown in the account's region.
    Region,
    /// The title is shown there, but not at this time.
    NotInPeriod,
    /// The title is for viewers above the age of the plan.
    Age,
}

impl Event for PlaybackLicenseDenied {
    const TYPE: EventType = EventType::in_saga("titles.playback_license_denied.v1");
    const KEYS: &'static [Key] = &[SESSION, TITLE];
}

/// The licence of a session that never started is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybackLicenseCancelled {
    /// The session.
    pub session_id: SessionId,
}

impl Event for PlaybackLicenseCancelled {
    const TYPE: EventType = EventType::in_saga("titles.playback_license_cancelled.v1");
    const KEYS: &'static [Key] = &[SESSION];
}
