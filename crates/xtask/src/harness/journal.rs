//! What was published, by saga, and how each saga ended.

use std::collections::HashMap;
use std::time::Instant;

use ballet::core::MessageId;
use ballet::core::id;
use ballet::core::topology::DEAD;
use ballet::{Event, EventType};
use ballet_amqp::ShortString;
use ballet_amqp::headers::{DEAD_DETAIL, text_header};
use ballet_stream::Record;
use serde_json::Value;
use shop::audit::Published;
use shop_events::orders::{OrderCancelled, OrderCompleted};
use uuid::Uuid;

/// Marks events that somebody sends again to try the services.
pub(crate) const COPY: &str = "x-copy";

/// One event of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) message_id: Uuid,
    /// Milliseconds since 1970, from the message's id.
    pub(crate) millis: i64,
    pub(crate) publisher: String,
    pub(crate) name: String,
    pub(crate) body: Value,
}

/// How a saga ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Completed,
    Cancelled { reason: String },
}

/// The events that were read.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    sagas: HashMap<Uuid, Vec<Entry>>,
    /// How each saga ended, and when that was read.
    ended: HashMap<Uuid, (Ended, Instant)>,
    /// What was published of the products.
    pub(crate) products: Published,
    pub(crate) events: usize,
    /// A sentence for each dead letter.
    pub(crate) dead_letters: Vec<String>,
    /// When the last message came.
    pub(crate) last_read: Option<Instant>,
}

impl Journal {
    pub(crate) fn add(&mut self, record: &Record) {
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
            self.products.add(&name, MessageId(message_id), &record.body);
        }
        // A saga without a correlation id takes the id of its first message.
        let saga = text(properties.correlation_id()).parse().unwrap_or(message_id);
        let body: Value = serde_json::from_slice(&record.body).unwrap_or_default();
        let ended = if name == OrderCompleted::TYPE.name() {
            Some(Ended::Completed)
        } else if name == OrderCancelled::TYPE.name() {
            let reason = body["reason"].as_str().unwrap_or_default().to_owned();
            Some(Ended::Cancelled { reason })
        } else {
            None
        };
        if let Some(ended) = ended {
            // It may come again. The first time counts.
            let first = self.ended.get(&saga).map_or(now, |(_, at)| *at);
            self.ended.insert(saga, (ended, first));
        }
        let events = self.sagas.entry(saga).or_default();
        // A relay that was interrupted publishes an event again, under the same id.
        if events.iter().all(|event| event.message_id != message_id) {
            let millis = id::time_of(message_id).map_or(0, |time| time.as_millisecond());
            let publisher = text(properties.app_id());
            events.push(Entry { message_id, millis, publisher, name, body });
        }
    }

    pub(crate) fn has(&self, order: Uuid, event: EventType) -> bool {
        let events = self.sagas.get(&order).into_iter().flatten();
        events.into_iter().any(|entry| entry.name == event.name())
    }

    pub(crate) fn ended(&self, order: Uuid) -> Option<&Ended> {
        self.ended.get(&order).map(|(ended, _)| ended)
    }

    /// When the end of an order was read.
    pub(crate) fn ended_at(&self, order: Uuid) -> Option<Instant> {
        self.ended.get(&order).map(|(_, at)| *at)
    }

    /// Forgets the events of the sagas that have ended, but not how they ended.
    pub(crate) fn forget_events(&mut self) {
        self.sagas.retain(|saga, _| !self.ended.contains_key(saga));
    }

    /// The events of a saga in the order of their ids.
    pub(crate) fn saga(&self, order: Uuid) -> Vec<Entry> {
        let mut events = self.sagas.get(&order).cloned().unwrap_or_default();
        events.sort_by_key(|event| event.millis);
        events
    }

    /// When each saga ended, in milliseconds since 1970.
    pub(crate) fn end_times(&self) -> Vec<i64> {
        let time = |order: &Uuid| {
            let events = self.sagas.get(order)?;
            let ends = [OrderCompleted::TYPE.name(), OrderCancelled::TYPE.name()];
            events.iter().find(|event| ends.contains(&event.name.as_str())).map(|e| e.millis)
        };
        self.ended.keys().filter_map(time).collect()
    }
}
