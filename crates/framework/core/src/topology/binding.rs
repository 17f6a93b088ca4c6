//! A binding, and the bindings that a service depends on.

use std::fmt;

use crate::events::telemetry::TelemetryType;
use crate::parts::part::Part;
use crate::topology::names::{
    DEAD, EVENTS, JOURNAL, RETRIES, ROUTE, TELEMETRY, dead_queue, telemetry_streams,
};

/// The kind of object that a binding leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A queue.
    Queue,
    /// Another exchange.
    Exchange,
}

impl Destination {
    /// The word in a definitions document and in the management API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        }
    }
}

/// The way of messages from an exchange to a queue, or to another exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// The exchange that the messages come from.
    pub source: String,
    /// The kind of object that they go to.
    pub kind: Destination,
    /// The name of that object.
    pub destination: String,
    /// The routing key, which is a pattern for a topic exchange.
    pub key: String,
}

impl Binding {
    /// A binding of a queue.
    #[must_use]
    pub fn of_queue(source: &str, queue: &str, key: &str) -> Self {
        let kind = Destination::Queue;
        Self { source: source.to_owned(), kind, destination: queue.to_owned(), key: key.to_owned() }
    }

    /// A binding of an exchange.
    #[must_use]
    pub fn of_exchange(source: &str, exchange: &str, key: &str) -> Self {
        Self { kind: Destination::Exchange, ..Self::of_queue(source, exchange, key) }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, kind, destination, key } = self;
        let kind = kind.name();
        write!(f, "the binding of {kind} `{destination}` to `{source}` with key `{key}`")
    }
}

pub(crate) fn of_service(part: &Part) -> Vec<Binding> {
    let consumed = part.consumes();
    let consumed = consumed.iter().map(|event| event.name());
    let mut bindings: Vec<Binding> =
        consumed.map(|key| Binding::of_queue(ROUTE, part.service, key)).collect();
    bindings.push(Binding::of_queue(DEAD, &dead_queue(part.service), part.service));
    // Messages that come back from a retry queue.
    bindings.push(Binding::of_queue(ROUTE, part.service, part.service));
    bindings
}

pub(crate) fn of_telemetry(types: &[TelemetryType]) -> Vec<Binding> {
    let streams = types.iter().flat_map(|one| telemetry_streams(*one));
    streams.map(|(stream, key)| Binding::of_queue(TELEMETRY, &stream, &key)).collect()
}

/// The bindings without which the service misses messages or cannot set any aside.
#[must_use]
pub fn bindings_needed_by(part: &Part) -> Vec<Binding> {
    let mut bindings = of_service(part);
    bindings.push(Binding::of_exchange(EVENTS, ROUTE, "#"));
    bindings.extend(RETRIES.map(|(name, _)| Binding::of_queue(name, name, "#")));
    bindings.extend(of_telemetry(&part.telemetry));
    bindings
}

/// The bindings by which the journal records events and dead letters. A service works without them.
#[must_use]
pub fn journal_bindings() -> [Binding; 2] {
    [EVENTS, DEAD].map(|source| Binding::of_queue(source, JOURNAL, "#"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::event::EventType;
    use crate::parts::part::SubscriptionPart;

    fn bell() -> Part {
        let on = EventType::plain("clock.struck.v1");
        let subscriptions = vec![SubscriptionPart { name: "ring", on }];
        Part { service: "bell", subscriptions, ..Part::default() }
    }

    #[test]
    fn a_service_needs_its_events_its_dead_letters_its_retries_and_the_way_to_them() {
        let needed: Vec<String> =
            bindings_needed_by(&bell()).iter().map(ToString::to_string).collect();
        assert_eq!(
            needed,
            [
                "the binding of queue `bell` to `route` with key `clock.struck.v1`",
                "the binding of queue `bell.dead` to `dead` with key `bell`",
                "the binding of queue `bell` to `route` with key `bell`",
                "the binding of exchange `route` to `events` with key `#`",
                "the binding of queue `retry.5s` to `retry.5s` with key `#`",
                "the binding of queue `retry.30s` to `retry.30s` with key `#`",
                "the binding of queue `retry.5m` to `retry.5m` with key `#`",
            ]
        );
    }
}
