//! The published language of streaming: the events of its services, and the sagas that they form. A
//! service depends on this crate and on no other service. Events carry ids and no person's data, so that
//! erasing a person in the services is enough.
//!
//! There is a module for each service. An event's name begins with its service. The feature `access` adds whose the
//! data is.
//!
//! ```text
//! playback_session:
//! POST /sessions -> playback.playback_requested
//!   -> accounts.viewer_admitted           | stream_slot_denied
//!   -> titles.playback_license_granted    | playback_license_denied
//!   -> accounts.stream_slot_reserved      | stream_slot_denied
//!   -> playback.playback_started                                      the decision
//!   -> playback.playback_ended, hours later
//!   -> accounts.stream_slot_released
//! any refusal, cancel or deadline -> playback.playback_refused
//!   -> stream_slot_cancelled, playback_license_cancelled
//!
//! title_withdrawal:
//! titles.title_withdrawn -> titles.title_licenses_revoked, and for each session
//!   titles.playback_license_revoked, which playback ends
//!
//! account_closure:
//! accounts.account_closed -> playback.viewer_erased, when all its sessions are over
//!   -> accounts.account_erased
//! ```

#![warn(missing_docs)]

#[cfg(feature = "access")]
pub mod access;
pub mod accounts;
pub mod playback;
mod sagas;
pub mod titles;
mod values;

pub use common::values::{Country, NotACode, NotASlug, Slug, check_text};
pub use sagas::{AccountClosure, PlaybackSession, TitleWithdrawal};
pub use values::ids::{AccountId, ClosureId, DeviceId, SessionId, TitleId, WithdrawalId};
