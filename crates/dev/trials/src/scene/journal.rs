//! The published events, by saga, and the end of each saga.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use ballet::EventType;
use ballet::core::topology::DEAD;
use ballet_amqp::{Delivery, ShortString};
use serde_json::Value;
use uuid::Uuid;

use crate::customers::begun_saga::End;

/// Marks copies of events, which a fault publishes to try the services.
pub(crate) const COPY: &str = "x-copy";

pub(crate) trait Witness: Debug + Send + Sync {
    /// `None` if the event ends no saga.
    fn end(&self, event_type: &str, body: &Value) -> Option<End>;
}

#[derive(Debug)]
pub(crate) struct Journal {
    witness: Arc<dyn Witness>,
    /// The types of each saga's events.
    sagas: HashMap<Uuid, HashSet<String>>,
    ended: HashMap<Uuid, End>,
}

impl Journal {
    pub(crate) fn new(witness: Arc<dyn Witness>) -> Self {
        Self { witness, sagas: HashMap::new(), ended: HashMap::new() }
    }

    pub(crate) fn add(&mut self, delivery: &Delivery) {
        if delivery.exchange == DEAD {
            return;
        }
        let text = |value: &Option<ShortString>| {
            value.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
        };
        let properties = &delivery.properties;
        let name = text(properties.kind());
        let Ok(message_id) = text(properties.message_id()).parse::<Uuid>() else { return };
        // A saga's first message has no correlation id: its own id is the saga's.
        let saga = text(properties.correlation_id()).parse().unwrap_or(message_id);
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        if let Some(end) = self.witness.end(&name, &body) {
            // The event may come again, and late. An abort has the last word.
            let known = self.ended.get(&saga);
            if known.is_none_or(|known| *known == End::Completed && end != End::Completed) {
                self.ended.insert(saga, end);
            }
        }
        self.sagas.entry(saga).or_default().insert(name);
    }

    pub(crate) fn has(&self, saga: Uuid, event: EventType) -> bool {
        self.sagas.get(&saga).is_some_and(|events| events.contains(event.name()))
    }

    pub(crate) fn ended(&self, saga: Uuid) -> Option<&End> {
        self.ended.get(&saga)
    }

    /// Ended sagas that are not in `known`.
    pub(crate) fn ended_besides(&self, known: &HashSet<Uuid>) -> Vec<Uuid> {
        self.ended.keys().filter(|saga| !known.contains(saga)).copied().collect()
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
    }

    fn record(saga: Uuid, id: Uuid, name: &str) -> Delivery {
        let properties = BasicProperties::default()
            .with_type(name.into())
            .with_message_id(id.to_string().into())
            .with_correlation_id(saga.to_string().into());
        let (exchange, routing_key) = (EVENTS.to_owned(), name.to_owned());
        let (tag, redelivered, body) = (1, false, b"{}".to_vec());
        Delivery { tag, redelivered, exchange, routing_key, properties, body }
    }
}
