//! The events that a service consumes, looked up by name.

use std::collections::HashMap;

use crate::events::event::EventType;

/// The events that a service consumes, by name.
///
/// ```
/// # use ballet_core::{EventType, KnownEvents};
/// let known: KnownEvents = [EventType::in_saga("orders.order_placed.v1")].into_iter().collect();
/// assert!(known.get("orders.order_placed.v1").is_some());
/// assert_eq!(known.other_versions("orders.order_placed.v2").len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct KnownEvents(HashMap<&'static str, EventType>);

impl KnownEvents {
    /// The event of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<EventType> {
        self.0.get(name).copied()
    }

    /// The known versions of an event, the newest last.
    #[must_use]
    pub fn other_versions(&self, name: &str) -> Vec<EventType> {
        let Some((event, _)) = name.rsplit_once(".v") else { return Vec::new() };
        let same = |known: &&EventType| {
            known.name().rsplit_once(".v").is_some_and(|(other, _)| other == event)
        };
        let mut versions: Vec<EventType> = self.0.values().filter(same).copied().collect();
        versions.sort_unstable_by_key(EventType::major);
        versions
    }
}

impl FromIterator<EventType> for KnownEvents {
    fn from_iter<I: IntoIterator<Item = EventType>>(events: I) -> Self {
        Self(events.into_iter().map(|event| (event.name(), event)).collect())
    }
}
