//! Messages that are in no queue any more although a service has not handled them, and how to bring them back.

use ballet_core::{MessageId, id};
use ballet_store::inbox::stuck::{StuckEntry, StuckKind};
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

/// A message that is overdue by this much is lost: no queue has it, if its service has no backlog.
const OVERDUE: SignedDuration = SignedDuration::from_mins(10);

/// Whether the next attempt is long overdue.
#[must_use]
pub fn is_overdue(next_at: Option<Timestamp>, now: Timestamp) -> bool {
    next_at.is_some_and(|at| at < now - OVERDUE)
}

/// The time at which a failed message was published, or the latest at which it may have been.
#[must_use]
pub fn published_at(stuck: &StuckEntry) -> Timestamp {
    match &stuck.what {
        StuckKind::Message { message_id: MessageId(id), .. } => {
            id::time_of(*id).map_or(stuck.since, |made| made.min(stuck.since))
        }
        StuckKind::Call { .. } => stuck.since,
    }
}

/// The command that sends a service what it has missed since then.
#[must_use]
pub fn resend_command(service: &str, since: Timestamp) -> String {
    let floor = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    // A message is published a moment after it was recorded.
    let since = since.round(floor).unwrap_or(since);
    format!("ballet dlq redrive --from-journal {service} --since {since}")
}
