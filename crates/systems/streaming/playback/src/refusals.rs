//! The refusals of sessions. Each message says what the viewer can do.

use axum::http::StatusCode;
use ballet::Due;
use ballet::http::Problem;
use ballet::openapi::json;
use jiff::Timestamp;
use streaming_events::SessionId;
use streaming_events::access::Caller;
use streaming_events::accounts::{SlotDenial, StreamSlotDenied};
use streaming_events::playback::{EndReason, PlaybackDeadlinePassed, PlaybackRefused, Refusal};
use streaming_events::titles::{LicenseDenial, PlaybackLicenseDenied};

use crate::session::{Session, SessionStatus};

/// The account may not watch, or has no slot.
pub(crate) fn slot_denied(event: StreamSlotDenied) -> PlaybackRefused {
    let StreamSlotDenied { session_id, reason, streams } = event;
    let (step, reason, detail) = match reason {
        SlotDenial::NoSlot => (
            "reserve_slot",
            Refusal::NoSlot,
            format!(
                "the plan has {} streams at once, and all are used: stop one from the list of \
                 devices, or take a larger plan",
                streams.unwrap_or_default()
            ),
        ),
        SlotDenial::NoAccount => (
            "admit_viewer",
            Refusal::NoAccount,
            "the account is closed: sign up to watch".to_owned(),
        ),
        SlotDenial::UnknownDevice => (
            "admit_viewer",
            Refusal::UnknownDevice,
            "the account does not have this device: add it, and start again".to_owned(),
        ),
    };
    by_step(session_id, reason, step, detail)
}

pub(crate) fn license_denied(event: PlaybackLicenseDenied) -> PlaybackRefused {
    let PlaybackLicenseDenied { session_id, title_id: _, reason } = event;
    let (reason, detail) = match reason {
        LicenseDenial::UnknownTitle => {
            (Refusal::UnknownTitle, "there is no such title: search for another")
        }
        LicenseDenial::Withdrawn => (Refusal::Withdrawn, "the title was withdrawn: choose another"),
        LicenseDenial::Region => {
            (Refusal::Region, "the title is not shown in the account's region: choose another")
        }
        LicenseDenial::NotInPeriod => {
            (Refusal::NotInPeriod, "the title is shown at another time: its rights say when")
        }
        LicenseDenial::Age => {
            (Refusal::Age, "the title is for older people than the plan: choose another")
        }
    };
    by_step(session_id, reason, "grant_license", detail.to_owned())
}

pub(crate) fn cancelled(session_id: SessionId) -> PlaybackRefused {
    let detail = "the viewer stopped it before it started".to_owned();
    PlaybackRefused { session_id, reason: Refusal::Cancelled, failed_step: None, detail }
}

pub(crate) fn overdue(due: Due) -> PlaybackDeadlinePassed {
    PlaybackDeadlinePassed { session_id: SessionId(due.saga_id.0), due_at: due.at }
}

pub(crate) fn deadline_passed(event: PlaybackDeadlinePassed) -> PlaybackRefused {
    let PlaybackDeadlinePassed { session_id, due_at } = event;
    let detail = format!("it did not start by {due_at:.0}: try again");
    PlaybackRefused { session_id, reason: Refusal::DeadlinePassed, failed_step: None, detail }
}

fn by_step(session_id: SessionId, reason: Refusal, step: &str, detail: String) -> PlaybackRefused {
    PlaybackRefused { session_id, reason, failed_step: Some(step.to_owned()), detail }
}

pub(crate) fn require_visible(
    session: Option<Session>,
    session_id: SessionId,
    caller: &Caller,
) -> Result<Session, Problem> {
    session
        .filter(|session| caller.is_allowed(session.account_id))
        .ok_or_else(|| Problem::not_found(format!("there is no session {session_id}")))
}

/// A heartbeat for a session that did not play at this time.
pub(crate) fn not_playing(session: &Session, at: Timestamp) -> Problem {
    let Session { session_id, status, ending, reason, until, .. } = session;
    let has_license = until.is_none_or(|until| until > at);
    // A session that plays by now has started since.
    if matches!(status, SessionStatus::Requested | SessionStatus::Playing)
        && ending.is_none()
        && has_license
    {
        return Problem::conflict(format!(
            "session {session_id} has not started: read it until it plays"
        ));
    }
    let end = json!(ending.unwrap_or(EndReason::LicenseExpired));
    let why = reason.as_deref().or(end.as_str()).unwrap_or_default();
    let word = if *status == SessionStatus::Refused { "was refused" } else { "ended" };
    let detail = format!("session {session_id} {word} ({why}): start a new one to go on");
    Problem::new(StatusCode::GONE, detail).with("reason", why.into())
}
