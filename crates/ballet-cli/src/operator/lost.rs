//! Messages that are in no queue any more, although a service has not handled them: how they come again.

use ballet::MessageId;
use ballet::core::id;
use ballet_store::inbox::stuck::{StuckEntry, StuckKind};
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use crate::base::ui;

/// What should have come back from a retry queue so long ago is lost: nobody has it, if its service has no backlog.
const OVERDUE: SignedDuration = SignedDuration::from_mins(10);

/// Whether the next attempt should have been long ago.
pub(crate) fn is_overdue(next_at: Option<Timestamp>, now: Timestamp) -> bool {
    next_at.is_some_and(|at| at < now - OVERDUE)
}

/// When a message that failed was published, or the latest time at which it may have been.
pub(crate) fn published(stuck: &StuckEntry) -> Timestamp {
    match &stuck.what {
        StuckKind::Message { message_id: MessageId(id), .. } => {
            id::time_of(*id).map_or(stuck.since, |made| made.min(stuck.since))
        }
        StuckKind::Call { .. } => stuck.since,
    }
}

/// The command that sends a service what it has missed since then.
pub(crate) fn again(service: &str, since: Timestamp) -> String {
    let floor = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    // It was published a moment after it was recorded.
    let since = since.round(floor).unwrap_or(since);
    format!("{} dlq redrive --from-journal {service} --since {since}", ui::ballet())
}
