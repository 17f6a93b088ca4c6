//! The events of titles. Events about a title carry the whole title as it is after the change: of two states of a
//! title, the one with the higher version is the newer.

use ballet_core::{entity, event, value};
use common::values::{Country, Slug};
use jiff::Timestamp;

use crate::values::ids::{SessionId, TitleId, WithdrawalId};

/// The whole state of a title after one change.
#[entity(
    "title",
    republished = "titles.titles_republished.v1",
    requests("analytics.titles_requested.v1"),
    id = title_id,
    version = version
)]
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
#[value]
pub struct Right {
    /// The region.
    pub region: Country,
    /// The first moment.
    pub from: Timestamp,
    /// The moment at which the right ends.
    pub until: Timestamp,
}

/// A title can be watched from now on, where there are rights.
#[event("titles.title_published.v1", keys(title = "title_id".made_here()), carries = 0)]
#[serde(transparent)]
pub struct TitlePublished(pub Title);

/// A title can no longer be watched. A withdrawal is final.
#[event(
    "titles.title_withdrawn.v1",
    in_saga, packs,
    keys(withdrawal = withdrawal_id.made_here(), title = "title_id"),
    removes(Title, id = title.title_id, version = title.version)
)]
pub struct TitleWithdrawn {
    /// The withdrawal.
    pub withdrawal_id: WithdrawalId,
    /// The title.
    #[serde(flatten)]
    pub title: Title,
}

/// All licences of a title that was withdrawn are revoked.
#[event(
    "titles.title_licenses_revoked.v1",
    in_saga, packs,
    keys(withdrawal = withdrawal_id, title = title_id)
)]
pub struct TitleLicensesRevoked {
    /// The withdrawal.
    pub withdrawal_id: WithdrawalId,
    /// The title.
    pub title_id: TitleId,
    /// The number of sessions that had a licence.
    pub sessions: u64,
}

/// A session lost its licence, because its title was withdrawn. There is one event for each session.
#[event(
    "titles.playback_license_revoked.v1",
    in_saga, packs,
    keys(withdrawal = withdrawal_id, session = session_id, title = title_id)
)]
pub struct PlaybackLicenseRevoked {
    /// The withdrawal.
    pub withdrawal_id: WithdrawalId,
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
}

/// A session may show its title.
#[event(
    "titles.playback_license_granted.v1",
    in_saga, packs,
    keys(session = session_id, title = title_id)
)]
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

/// A session may not show its title.
#[event(
    "titles.playback_license_denied.v1",
    in_saga, packs,
    keys(session = session_id, title = title_id)
)]
#[derive(Copy)]
pub struct PlaybackLicenseDenied {
    /// The session.
    pub session_id: SessionId,
    /// The title.
    pub title_id: TitleId,
    /// The reason.
    pub reason: LicenseDenial,
}

/// Why a session may not show its title.
#[value]
#[derive(Copy, Eq)]
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

/// The licence of a session that never started is cancelled.
#[event("titles.playback_license_cancelled.v1", in_saga, packs, keys(session = session_id))]
pub struct PlaybackLicenseCancelled {
    /// The session.
    pub session_id: SessionId,
}
