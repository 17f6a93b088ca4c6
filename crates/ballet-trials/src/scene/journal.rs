//! The published events, by saga, and the end of each saga.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use ballet::core::id;
use ballet::core::topology::DEAD;
use ballet::{EventType, MessageId};
use ballet_amqp::ShortString;
use ballet_amqp::headers::{DEAD_DETAIL, text_header};
use ballet_stream::Record;
use serde_json::Value;
use uuid::Uuid;

use crate::customers::begun_saga::End;

/// The header that marks copies of events, which a fault publishes to try the services.
pub(crate) const COPY: &str = "x-copy";

/// One event of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEvent {
    /// The message's id.
    pub message_id: Uuid,
    /// Milliseconds since 1970, from the message's id.
    pub millis: i64,
    /// The service or producer that published it.
    pub publisher: String,
    /// The name of its type.
    pub name: String,
    /// Its body.
    pub body: Value,
}

/// Observes all events, and tells which of them end a saga.
pub trait Witness: Debug + Send + Sync {
    /// Observes a published event. The same event may come again.
    fn saw(&self, event_type: &str, id: MessageId, body: &[u8]);

    /// The end of the saga that such an event brings, if it does.
    fn end(&self, event_type: &str, body: &Value) -> Option<End>;
}

/// The end of a saga, and its time.
#[derive(Debug, Clone)]
struct RecordedEnd {
    end: End,
    /// Milliseconds since 1970, from the message's id.
    millis: i64,
    /// The time at which the event was read.
    read: Instant,
}

/// The events read so far.
#[derive(Debug)]
pub struct Journal {
    witness: Arc<dyn Witness>,
    sagas: HashMap<Uuid, Vec<JournalEvent>>,
    ended: HashMap<Uuid, RecordedEnd>,
    /// The number of events, including those that came again.
    pub events: usize,
    /// A sentence for each dead letter.
    pub dead_letters: Vec<String>,
    /// The time of the last message.
    pub last_read: Option<Instant>,
}

impl Journal {
    /// An empty journal.
    pub fn new(witness: Arc<dyn Witness>) -> Self {
        Self {
            witness,
            sagas: HashMap::new(),
            ended: HashMap::new(),
            events: 0,
            dead_letters: Vec::new(),
            last_read: None,
        }
    }

    /// Adds a delivered message.
    pub fn add(&mut self, record: &Record) {
        let now = Instant::now();
        self.last_read = Some(now);
        let text = |value: &Option<ShortString>| {
            value.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
        };
        let properties = &record.properties;
        let name = text(properties.kind());
        if record.exchange == DEAD {
            let why = text_header(properties, DEAD_DETAIL).unwrap_or("for no stated reason");
            self.dead_letters.push(format!("{name} in {}: {why}", record.routing_key));
            return;
        }
        self.events += 1;
        let Ok(message_id) = text(properties.message_id()).parse::<Uuid>() else { return };
        let headers = properties.headers().as_ref();
        if headers.is_none_or(|headers| !headers.inner().contains_key(COPY)) {
            self.witness.saw(&name, MessageId(message_id), &record.body);
        }
        // The first message of a saga has no correlation id: its own id is the saga's.
        let saga = text(properties.correlation_id()).parse().unwrap_or(message_id);
        let body: Value = serde_json::from_slice(&record.body).unwrap_or_default();
        let millis = id::time_of(message_id).map_or(0, |time| time.as_millisecond());
        if let Some(end) = self.witness.end(&name, &body) {
            // The event may come again, and late. The first time counts, and an abort has the last word.
            let known = self.ended.get(&saga);
            if known.is_none_or(|known| known.end == End::Completed && end != End::Completed) {
                self.ended.insert(saga, RecordedEnd { end, millis, read: now });
            }
        }
        let events = self.sagas.entry(saga).or_default();
        // A relay that was interrupted publishes an event again, under the same id.
        if events.iter().all(|event| event.message_id != message_id) {
            let publisher = text(properties.app_id());
            events.push(JournalEvent { message_id, millis, publisher, name, body });
        }
    }

    /// Whether a saga has an event of this type.
    #[must_use]
    pub fn has(&self, saga: Uuid, event: EventType) -> bool {
        let events = self.sagas.get(&saga).into_iter().flatten();
        events.into_iter().any(|entry| entry.name == event.name())
    }

    /// The end of a saga, if it has ended.
    #[must_use]
    pub fn ended(&self, saga: Uuid) -> Option<&End> {
        self.ended.get(&saga).map(|ended| &ended.end)
    }

    /// The sagas that have ended and are not in `known`.
    pub(crate) fn ended_besides(&self, known: &HashSet<Uuid>) -> Vec<Uuid> {
        self.ended.keys().filter(|saga| !known.contains(saga)).copied().collect()
    }

    /// The time at which the end of a saga was read.
    pub(crate) fn ended_at(&self, saga: Uuid) -> Option<Instant> {
        self.ended.get(&saga).map(|ended| ended.read)
    }

    /// Forgets the events of ended sagas, but not their ends.
    pub(crate) fn forget_events(&mut self) {
        self.sagas.retain(|saga, _| !self.ended.contains_key(saga));
    }

    /// The events of a saga, ordered by id.
    #[must_use]
    pub fn saga(&self, saga: Uuid) -> Vec<JournalEvent> {
        let mut events = self.sagas.get(&saga).cloned().unwrap_or_default();
        events.sort_by_key(|event| event.millis);
        events
    }

    /// The time of each saga's end, in milliseconds since 1970.
    #[must_use]
    pub fn end_times(&self) -> Vec<i64> {
        self.ended.values().map(|ended| ended.millis).collect()
    }
}

#[cfg(test)]
mod tests {
    use ballet::core::topology::EVENTS;
    use ballet_amqp::BasicProperties;

    use super::*;

    #[derive(Debug)]
    struct EndWitness;

    impl Witness for EndWitness {
        fn saw(&self, _: &str, _: MessageId, _: &[u8]) {}

        fn end(&self, event_type: &str, _: &Value) -> Option<End> {
            match event_type {
                "desk.accepted.v1" => Some(End::Completed),
                "desk.cancelled.v1" => Some(End::aborted("it was withdrawn")),
                _ => None,
            }
        }
    }

    #[test]
    fn a_saga_that_was_aborted_stays_so_when_an_earlier_end_comes_again() {
        let mut journal = Journal::new(Arc::new(EndWitness));
        let saga = Uuid::from_u128(1);
        for (id, name) in [(2, "accepted"), (3, "cancelled"), (2, "accepted")] {
            journal.add(&record(saga, Uuid::from_u128(id), &format!("desk.{name}.v1")));
        }
        assert_eq!(journal.ended(saga), Some(&End::aborted("it was withdrawn")));
        assert_eq!(journal.saga(saga).len(), 2);
    }

    fn record(saga: Uuid, id: Uuid, name: &str) -> Record {
        let properties = BasicProperties::default()
            .with_type(name.into())
            .with_message_id(id.to_string().into())
            .with_correlation_id(saga.to_string().into());
        let (exchange, routing_key) = (EVENTS.to_owned(), name.to_owned());
        Record { offset: None, time: None, exchange, routing_key, properties, body: b"{}".to_vec() }
    }
}
