//! Reads the journal from a point in time up to a note that was written at the start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::stream::JournalRecords;
use ballet_amqp::headers::{ORIGINAL_MESSAGE_ID, REDRIVE_ID, text_header};
use ballet_amqp::{Delivery, StreamStart};
use ballet_core::MessageId;
use ballet_core::topology::{DEAD, EVENTS};
use tokio::time::timeout;

use crate::missed::witnesses::Witnesses;
use crate::redrive::dead_letter::{DeadLetter, message_id};
use crate::redrive::error::RedriveError;
use crate::redrive::tool_run::ToolRun;

/// The maximum difference in seconds between the clocks of the broker and of this machine.
pub(super) const SKEW: i64 = 60;
/// The longest wait for an entry: the journal has at least our note. A message that cannot be delivered takes many
/// attempts, each with this limit.
const SILENCE: Duration = Duration::from_secs(30);
const SILENT: &str = "it was written, but did not come back; the clocks of this machine and the \
                      broker may differ by more than a minute";

/// An entry of the journal that matters to a search.
pub(super) enum JournalEntry {
    /// An event.
    Event(MessageId, Box<Delivery>),
    /// A service could not handle the message, or a person has edited its dead letter.
    Dead(Box<DeadLetter>),
    /// The dead letter was sent to this service again, under its id.
    Redriven(String, MessageId),
    /// A person discarded the dead letter. It stays in its queue until a file has it.
    Discarded(Box<DeadLetter>),
}

/// The entries of the journal, as they are read.
pub(super) struct JournalEntries<'a> {
    run: &'a ToolRun,
    records: JournalRecords,
}

impl<'a> JournalEntries<'a> {
    /// Begins to read at the point in time. `unreadable` are the offsets of messages that the broker could deliver to
    /// no reader in an earlier reading.
    pub(super) fn open(witnesses: &Witnesses, run: &'a ToolRun, unreadable: BTreeSet<u64>) -> Self {
        // A stream that is asked for a time after its last message begins at the next one, after
        // our own note, if the broker's clock is behind.
        let second = witnesses.since.as_second().saturating_sub(SKEW);
        let start = StreamStart::Time(u64::try_from(second).unwrap_or_default());
        let records = JournalRecords::new(Arc::clone(&witnesses.broker), start, unreadable);
        Self { run, records }
    }

    /// Returns the next entry; `None` at the first note of this run.
    pub(super) async fn next(&mut self) -> Result<Option<JournalEntry>, RedriveError> {
        loop {
            let next = timeout(SILENCE, self.records.attempt()).await;
            let next = next.map_err(|_| RedriveError::NoJournal(SILENT.to_owned()))??;
            let Some(delivery) = next else { continue };
            if delivery.exchange == EVENTS {
                let id = message_id(&delivery);
                return Ok(Some(JournalEntry::Event(id, Box::new(delivery))));
            }
            if delivery.exchange != DEAD {
                continue;
            }
            let header = |name| text_header(&delivery.properties, name);
            let key = delivery.routing_key.clone();
            let (what, service) = key.split_once('.').unwrap_or(("", &key));
            match what {
                "" | "discarded" => {
                    let letter = Box::new(DeadLetter::read(service, delivery));
                    return Ok(Some(match what {
                        "" => JournalEntry::Dead(letter),
                        _ => JournalEntry::Discarded(letter),
                    }));
                }
                "redriven" if header(ORIGINAL_MESSAGE_ID).is_none() => {
                    let id = message_id(&delivery);
                    return Ok(Some(JournalEntry::Redriven(service.to_owned(), id)));
                }
                "searched" if header(REDRIVE_ID) == Some(&self.run.id.to_string()) => {
                    return Ok(None);
                }
                _ => {}
            }
        }
    }

    /// Ends the reading. Returns the offsets of the messages that the broker can deliver to no reader.
    pub(super) async fn close(self) -> BTreeSet<u64> {
        self.records.close().await
    }
}
