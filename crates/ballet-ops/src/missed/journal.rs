//! Reads the journal from a point in time up to a note that was written at the start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::headers::{ORIGINAL_MESSAGE_ID, REDRIVE_ID, text_header};
use ballet_amqp::{Broker, BrokerError, Delivery, PublishOutcome, StreamStart, incoming};
use ballet_core::envelope::{Envelope, KnownEvents};
use ballet_core::topology::{DEAD, EVENTS};
use ballet_core::{MessageId, Part};
use ballet_stream::{JOURNAL_CONNECTION as CONNECTION, JournalRecords};
use futures_util::StreamExt;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use crate::redrive::dead_letter::{DeadLetter, LetterIdentity, message_id};
use crate::redrive::error::RedriveError;
use crate::redrive::tool_run::ToolRun;

/// The most seconds by which the clocks of the broker and of this machine may differ.
pub(super) const SKEW: i64 = 60;
/// The longest wait for an entry: the journal has at least our note. A message that cannot be delivered takes many
/// attempts, each with this limit.
const SILENCE: Duration = Duration::from_secs(30);
const SILENT: &str = "it was written, but did not come back; the clocks of this machine and the \
                      broker may differ by more than a minute";

/// The journal, for one service that consumes some of its events.
#[derive(Clone)]
pub struct ServiceJournal {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) part: Part,
    events: KnownEvents,
    pub(super) since: Timestamp,
    pub(super) failure_record: FailureRecord,
    /// The services' databases, if they are asked as well, and all declarations.
    pub(super) databases: Vec<(String, PgConnectOptions)>,
    pub(super) parts: Vec<Part>,
}

/// How far a service's record of its failed messages can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureRecord {
    /// It is up to date: each message is tried again, or its dead letter waits.
    True,
    /// It is from a backup: each message may have been handled since.
    Restored,
}

/// An entry of the journal that matters to the service.
pub(super) enum ServiceEntry {
    /// An event that the service consumes.
    Event(MessageId, Box<Delivery>),
    /// Another event.
    Other(MessageId),
    /// The service could not handle the message, or a person has edited its dead letter.
    Dead(Box<DeadLetter>),
    /// The dead letter was sent to the service again, under its id.
    Redriven(MessageId),
    /// A person discarded the dead letter. It stays in its queue until a file has it.
    Discarded(Box<DeadLetter>),
}

impl ServiceJournal {
    /// Makes a journal on `broker` from `since` on, for the service that declares `part`. This does not connect yet.
    pub fn new(broker: Arc<dyn Broker>, part: Part, since: Timestamp) -> Self {
        let events = part.consumes().into_iter().collect();
        let (databases, parts) = (Vec::new(), Vec::new());
        let failure_record = FailureRecord::True;
        Self { broker, part, events, since, failure_record, databases, parts }
    }

    /// Marks the service's database as restored: the messages that it was about to try again may have been handled
    /// since the backup, and are not tried again.
    #[must_use]
    pub fn of_restored(self) -> Self {
        Self { failure_record: FailureRecord::Restored, ..self }
    }

    /// Also asks the databases of the services that declare these parts: they have what steps have published, also if
    /// the journal has lost it.
    #[must_use]
    pub fn and_ledgers(self, databases: Vec<(String, PgConnectOptions)>, parts: Vec<Part>) -> Self {
        Self { databases, parts, ..self }
    }

    /// Returns the point in time.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.part.service
    }

    /// Writes a note that ends the reading. It tells who searched the journal, when and why.
    pub(super) async fn mark(&self, run: &ToolRun) -> Result<(), RedriveError> {
        let session = self.broker.connect(CONNECTION).await?;
        let marked = async {
            let mut confirms = session.confirms().await?;
            session.publish(run.searched(self.service()))?;
            let ended = || BrokerError::Lost("the broker closed the channel".to_owned());
            for confirmed in confirms.next().await.ok_or_else(ended)?? {
                match confirmed.outcome {
                    PublishOutcome::Ack => {}
                    PublishOutcome::Nack => {
                        return Err(RedriveError::NoJournal("refused".to_owned()));
                    }
                    PublishOutcome::Returned { code, text } => {
                        return Err(RedriveError::NoJournal(format!("{code} {text}")));
                    }
                }
            }
            Ok(())
        };
        let marked = marked.await;
        session.close().await;
        marked
    }

    /// Begins to read at the point in time. `unreadable` are the offsets of messages that the broker could deliver to
    /// no reader in an earlier reading.
    pub(super) fn open(&self, unreadable: BTreeSet<u64>) -> ServiceEntries<'_> {
        // A stream that is asked for a time after its last message begins at the next one, after
        // our own note, if the broker's clock is behind.
        let second = self.since.as_second().saturating_sub(SKEW);
        let seconds = u64::try_from(second).unwrap_or_default();
        let start = StreamStart::Time(seconds);
        let records = JournalRecords::new(Arc::clone(&self.broker), start, unreadable);
        ServiceEntries { journal: self, records }
    }

    /// Returns the beginning of the journal, if it no longer reaches back to the point in time.
    pub(super) async fn begins(&self) -> Result<Option<Timestamp>, RedriveError> {
        let begins = ballet_stream::begins(&self.broker).await?;
        Ok(begins.filter(|begins| *begins > self.since))
    }
}

impl fmt::Debug for ServiceJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceJournal")
            .field("service", &self.part.service)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// The entries of the journal, as they are read.
pub(super) struct ServiceEntries<'a> {
    journal: &'a ServiceJournal,
    records: JournalRecords,
}

impl ServiceEntries<'_> {
    /// Returns the next entry that matters to the service; `None` at the note of this run.
    pub(super) async fn next(
        &mut self,
        run: &ToolRun,
    ) -> Result<Option<ServiceEntry>, RedriveError> {
        let ServiceJournal { part, events, .. } = self.journal;
        loop {
            let next = timeout(SILENCE, self.records.attempt()).await;
            let next = next.map_err(|_| RedriveError::NoJournal(SILENT.to_owned()))??;
            let Some(delivery) = next else { continue };
            if delivery.exchange == EVENTS {
                let id = message_id(&delivery);
                // The service refused an event whose type is not its routing key. Sent again, it would be accepted.
                if Envelope::type_of(&incoming(&delivery), events).is_some() {
                    return Ok(Some(ServiceEntry::Event(id, Box::new(delivery))));
                }
                return Ok(Some(ServiceEntry::Other(id)));
            } else if delivery.exchange == DEAD {
                if delivery.routing_key == part.service {
                    let dead_letter = DeadLetter::read(part.service, delivery);
                    return Ok(Some(ServiceEntry::Dead(Box::new(dead_letter))));
                }
                if delivery.routing_key.strip_prefix("redriven.") == Some(part.service)
                    && text_header(&delivery.properties, ORIGINAL_MESSAGE_ID).is_none()
                {
                    return Ok(Some(ServiceEntry::Redriven(message_id(&delivery))));
                }
                if delivery.routing_key.strip_prefix("discarded.") == Some(part.service) {
                    let dead_letter = DeadLetter::read(part.service, delivery);
                    return Ok(Some(ServiceEntry::Discarded(Box::new(dead_letter))));
                }
                let of = text_header(&delivery.properties, REDRIVE_ID);
                // A repair searches for one service after the other.
                let is_note = delivery.routing_key.strip_prefix("searched.") == Some(part.service);
                if is_note && of == Some(&run.id.to_string()) {
                    return Ok(None);
                }
            }
        }
    }

    /// Ends the reading. Returns the offsets of the messages that the broker can deliver to no reader.
    pub(super) async fn close(self) -> BTreeSet<u64> {
        self.records.close().await
    }
}

/// The messages to send: the event of an id or, if a person has edited it, the dead letter with its body.
pub(super) type WantedMessages = HashMap<MessageId, Option<LetterIdentity>>;

/// Returns the message of the entry, if it is wanted and new.
pub(super) fn wanted(
    service: &str,
    wanted: &WantedMessages,
    seen: &mut HashSet<MessageId>,
    entry: ServiceEntry,
) -> Option<DeadLetter> {
    let message = match entry {
        ServiceEntry::Event(id, delivery) if wanted.get(&id) == Some(&None) => {
            DeadLetter::missed(service, id, *delivery)
        }
        ServiceEntry::Dead(dead_letter)
            if wanted.get(&dead_letter.id) == Some(&Some(dead_letter.identity())) =>
        {
            *dead_letter
        }
        ServiceEntry::Event(..)
        | ServiceEntry::Other(_)
        | ServiceEntry::Dead(_)
        | ServiceEntry::Redriven(_)
        | ServiceEntry::Discarded(_) => {
            return None;
        }
    };
    seen.insert(message.id).then_some(message)
}
