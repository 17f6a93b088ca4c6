//! A journal entry, as the console stores it.

use ballet_ops::sagas::journal::{JournalEntry, MessageFate};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

pub(crate) const COLUMNS: &str = "place, member, at, kind, saga, type, service, message_id, cause, handler, \
    reason, detail, attempts, who, why, size";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Event,
    Died,
    Redriven,
    Edited,
    Discarded,
    /// A retry before its time, or a search of the journal.
    Note,
}

impl EntryKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Event, Self::Died, Self::Redriven, Self::Edited, Self::Discarded, Self::Note];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Died => "died",
            Self::Redriven => "redriven",
            Self::Edited => "edited",
            Self::Discarded => "discarded",
            Self::Note => "note",
        }
    }

    fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).unwrap_or(Self::Note)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    /// The offset.
    pub(crate) place: i64,
    /// Its number in a pack.
    pub(crate) member: i32,
    pub(crate) at: Timestamp,
    pub(crate) kind: EntryKind,
    pub(crate) saga: Option<Uuid>,
    pub(crate) event_type: String,
    /// The publisher, or the service that could not handle it.
    pub(crate) service: String,
    pub(crate) message_id: String,
    pub(crate) cause: Option<String>,
    pub(crate) handler: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) attempts: i32,
    pub(crate) who: Option<String>,
    pub(crate) why: Option<String>,
    pub(crate) body: Vec<u8>,
    /// The size of the whole body in bytes.
    pub(crate) size: i32,
}

impl EntryRow {
    /// Its element on its saga's page.
    pub(crate) fn anchor(&self) -> String {
        match self.member {
            0 => format!("e{}", self.place),
            member => format!("e{}-{member}", self.place),
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.kind, EntryKind::Died | EntryKind::Edited)
    }

    /// `None` without an effect on its saga.
    pub(crate) fn entry(&self) -> Option<JournalEntry> {
        let what = match self.kind {
            EntryKind::Event => MessageFate::Published,
            // It is as dead as before.
            EntryKind::Died | EntryKind::Edited => MessageFate::Died {
                handler: self.handler.clone(),
                reason: self.reason.clone().unwrap_or_default(),
                detail: self.detail.clone(),
                attempts: u32::try_from(self.attempts).unwrap_or_default(),
            },
            EntryKind::Redriven => MessageFate::SentBack,
            EntryKind::Discarded => MessageFate::Discarded,
            EntryKind::Note => return None,
        };
        Some(JournalEntry {
            at: self.at,
            service: self.service.clone(),
            event_type: self.event_type.clone(),
            message_id: self.message_id.clone(),
            what,
        })
    }
}

impl FromRow<'_, PgRow> for EntryRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            place: row.try_get("place")?,
            member: row.try_get("member")?,
            at: row.try_get::<jiff_sqlx::Timestamp, _>("at")?.to_jiff(),
            kind: EntryKind::parse(row.try_get("kind")?),
            saga: row.try_get("saga")?,
            event_type: row.try_get("type")?,
            service: row.try_get("service")?,
            message_id: row.try_get::<Uuid, _>("message_id")?.to_string(),
            cause: row.try_get("cause")?,
            handler: row.try_get("handler")?,
            reason: row.try_get("reason")?,
            detail: row.try_get("detail")?,
            attempts: row.try_get("attempts")?,
            who: row.try_get("who")?,
            why: row.try_get("why")?,
            body: row.try_get("body")?,
            size: row.try_get("size")?,
        })
    }
}
