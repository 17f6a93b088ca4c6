//! An entry of the journal, as the monitor takes it.

use ballet_core::topology::EVENTS;
use jiff::Timestamp;
use uuid::Uuid;

use crate::stream::Record;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A published event.
    Event,
    /// A dead letter of the service, or a tool's note about a message of it.
    OfDeadLetter,
    /// The note that missed events of the service are searched and sent again, as after a restored backup.
    Searched,
}

/// An entry of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WatchedEntry<'a> {
    /// Its place in the journal.
    pub(super) offset: u64,
    /// The time of its message.
    pub(super) at: Timestamp,
    /// What it is.
    pub(super) kind: EntryKind,
    /// Its saga.
    pub(super) saga: Option<Uuid>,
    /// The event's type.
    pub(super) event_type: &'a str,
    /// The publisher if it names itself, or the service of the dead letter.
    pub(super) service: Option<&'a str>,
    /// The message's id.
    pub(super) message_id: Uuid,
    /// The id of the message that caused it.
    pub(super) cause: Option<Uuid>,
}

impl<'a> WatchedEntry<'a> {
    /// Reads a record at this place of the journal. A time in the future becomes `now`. A record whose type is forged
    /// is refused by services, and is nothing.
    pub(super) fn of(record: &'a Record, offset: u64, now: Timestamp) -> Option<Self> {
        if record.is_forged() {
            return None;
        }
        let (kind, service) = if record.exchange == EVENTS {
            (EntryKind::Event, record.service())
        } else {
            match record.routing_key.split_once('.') {
                Some(("searched", service)) => (EntryKind::Searched, Some(service)),
                Some((_, service)) => (EntryKind::OfDeadLetter, Some(service)),
                None => (EntryKind::OfDeadLetter, record.service()),
            }
        };
        Some(Self {
            offset,
            at: record.time.unwrap_or(now).min(now),
            kind,
            saga: record.saga_id(),
            event_type: record.event_type(),
            service,
            message_id: record.known_as(),
            cause: record.cause().and_then(|cause| Uuid::try_parse(cause).ok()),
        })
    }
}
