//! The business keys that events make, from the declarations in contracts.

use std::collections::BTreeMap;

use ballet_core::{EventType, Key};
use serde_json::Value;
use uuid::Uuid;

use crate::stream::record::Record;
use crate::stream::replay::entry::is_event;

/// The keys that events make, by the names of the events.
#[derive(Debug, Clone, Default)]
pub struct MadeKeys(BTreeMap<&'static str, Vec<Key>>);

impl MadeKeys {
    /// Selects the keys that their events make.
    #[must_use]
    pub fn of(keys: impl IntoIterator<Item = (EventType, Key)>) -> Self {
        let mut made: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (event, key) in keys.into_iter().filter(|(_, key)| key.is_made_here()) {
            made.entry(event.name()).or_default().push(key);
        }
        Self(made)
    }

    /// Returns the names of the keys, each with its events and fields, in order.
    #[must_use]
    pub fn words(&self) -> String {
        let one = |(event, keys): (&&str, &Vec<Key>)| {
            let fields: Vec<&str> = keys.iter().map(Key::field).collect();
            format!("{event} {}", fields.join(" "))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Passes on the keys that the record makes, with values that are UUIDs.
    pub(crate) fn each(&self, record: &Record, take: impl FnMut(&'static str, Option<Uuid>)) {
        if self.0.contains_key(record.event_type())
            && is_event(record)
            && let Ok(body) = serde_json::from_slice(&record.body)
        {
            self.each_in(record.event_type(), &body, take);
        }
    }

    pub(crate) fn each_in(
        &self,
        event_type: &str,
        body: &Value,
        mut take: impl FnMut(&'static str, Option<Uuid>),
    ) {
        for key in self.0.get(event_type).into_iter().flatten() {
            for value in key.values(body) {
                take(key.name(), Uuid::try_parse(&value).ok());
            }
        }
    }
}
