//! Reads the journal from a point in time up to a note written at the start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::BrokerError;
use ballet_amqp::headers::{ORIGINAL_MESSAGE_ID, REDRIVE_ID, text_header};
use ballet_core::MessageId;
use ballet_core::topology::{DEAD, EVENTS};
use jiff::SignedDuration;
use tokio::time::timeout;

use crate::missed::witnesses::Witnesses;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::tool_run::ToolRun;
use crate::stream::{JournalItem, JournalReader, Notice, Record, Start};

/// The maximum difference between the clocks of the broker and of this machine.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The journal has at least our note, so a longer silence is a fault.
const SILENCE: Duration = Duration::from_secs(30);
const SILENT: &str = "it was written, but did not come back; the clocks of this machine and the \
                      broker may differ by more than a minute";

pub(super) enum JournalEntry {
    Event(MessageId, Box<Record>),
    Dead(Box<DeadLetter>),
    Redriven(String, MessageId),
    /// A discarded dead letter stays in its queue until a file has it.
    Discarded(Box<DeadLetter>),
}

pub(super) struct JournalEntries<'a> {
    run: &'a ToolRun,
    reader: JournalReader,
    /// The offsets of messages that the broker delivers to no reader.
    pub(super) unreadable: BTreeSet<u64>,
    /// Why the connection is lost.
    lost: Option<BrokerError>,
}

impl<'a> JournalEntries<'a> {
    /// Begins to read at a time.
    pub(super) async fn open(
        witnesses: &Witnesses,
        run: &'a ToolRun,
    ) -> Result<Self, RedriveError> {
        // A stream asked for a time after its last message begins at the next one. With a slow broker clock that would
        // be after our own note.
        let start = Start::Time(witnesses.since - SKEW);
        let broker = Arc::clone(&witnesses.broker);
        let reader = JournalReader::open(broker, start).await?;
        Ok(Self { run, reader, unreadable: BTreeSet::new(), lost: None })
    }

    /// Returns the next entry; `None` at the first note of this run.
    pub(super) async fn next(&mut self) -> Result<Option<JournalEntry>, RedriveError> {
        let silent = || RedriveError::NoJournal(SILENT.to_owned());
        loop {
            let answers = self.reader.answers();
            let Ok(next) = timeout(SILENCE, self.reader.next()).await else {
                // An undeliverable message takes many connections.
                if self.reader.answers() > answers {
                    continue;
                }
                return Err(self.lost.take().map_or_else(silent, RedriveError::Broker));
            };
            let record = match next? {
                JournalItem::Record(record) => record,
                JournalItem::Notice(notice) => {
                    match notice {
                        Notice::Unreadable(offset) => {
                            self.unreadable.insert(offset);
                        }
                        Notice::Lost(error) => self.lost = Some(error),
                        Notice::Back => self.lost = None,
                        Notice::NothingSince => return Err(silent()),
                        Notice::Cut { .. } => {}
                    }
                    continue;
                }
            };
            if record.exchange == EVENTS {
                let id = MessageId(record.known_as());
                return Ok(Some(JournalEntry::Event(id, Box::new(record))));
            }
            if record.exchange != DEAD {
                continue;
            }
            let header = |name| text_header(&record.properties, name);
            let key = record.routing_key.clone();
            let (what, service) = key.split_once('.').unwrap_or(("", &key));
            match what {
                "" => {
                    let letter = DeadLetter::read(service, record.into_delivery());
                    return Ok(Some(JournalEntry::Dead(Box::new(letter))));
                }
                "discarded" => {
                    let letter = DeadLetter::read(service, record.into_delivery());
                    return Ok(Some(JournalEntry::Discarded(Box::new(letter))));
                }
                "redriven" if header(ORIGINAL_MESSAGE_ID).is_none() => {
                    let id = MessageId(record.known_as());
                    return Ok(Some(JournalEntry::Redriven(service.to_owned(), id)));
                }
                "searched" if header(REDRIVE_ID) == Some(&self.run.id.to_string()) => {
                    return Ok(None);
                }
                _ => {}
            }
        }
    }

    pub(super) async fn close(self) {
        self.reader.close().await;
    }
}
