//! Sends the events that no binding took to the services that consume them.

use std::fmt;
use std::sync::Arc;

use ballet_amqp::headers::{RETRY_EXCHANGE, RETRY_ROUTING_KEY};
use ballet_amqp::{Broker, Publish, pack};
use ballet_core::Part;
use ballet_core::envelope::KnownEvents;
use ballet_core::topology::{RETRIES, ROUTE};
use jiff::Timestamp;

use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::filter::DeadLetterFilter;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes;
use crate::redrive::queue::DeadLetters;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// Why an event without a consumer is not sent.
const NOBODYS: &str = "no service declares its type: is it misspelt, or a service not declared?";

/// The events that no binding took: misspelt, or published while a binding was missing.
pub struct UnroutedEvents {
    queue: DeadLetters,
    consumers: Arc<EventConsumers>,
}

struct EventConsumers(Vec<EventConsumer>);

struct EventConsumer {
    part: Part,
    events: KnownEvents,
}

impl UnroutedEvents {
    /// A handle on the queue, for the services that declare these parts. This does not connect yet.
    pub fn new(broker: Arc<dyn Broker>, parts: Vec<Part>) -> Self {
        let consumer = |part: Part| {
            let events = part.consumes().into_iter().collect();
            EventConsumer { part, events }
        };
        let consumers = Arc::new(EventConsumers(parts.into_iter().map(consumer).collect()));
        let known = Arc::clone(&consumers);
        let fate = move |event: &DeadLetter| known.fate(event);
        let letters = Arc::new(move |queue: &str, delivery| {
            let members = pack::members_of(delivery).into_iter();
            DeadLetter::together(
                members.map(|event| DeadLetter::unrouted(queue, event, &fate)).collect(),
            )
        });
        Self { queue: DeadLetters::of_unrouted(broker, letters), consumers }
    }

    /// Returns the events as dead letters, whose detail says which services would get the event, or why none. They can
    /// be counted, read and discarded; [`redrive`](Self::redrive) sends them.
    #[must_use]
    pub fn letters(&self) -> DeadLetters {
        self.queue.clone()
    }

    /// Returns the services that get the event: its consumers, unless it is forged. A retry whose queue was gone goes
    /// only to its own service.
    #[must_use]
    pub fn consumers(&self, event: &DeadLetter) -> Vec<&'static str> {
        self.consumers.of(event).map(|consumer| consumer.part.service).collect()
    }

    /// Sends the matching events to all services that consume them. Events without a consumer stay. This may be
    /// interrupted, since a service drops what it gets twice.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access. Events sent before stay sent.
    pub async fn redrive(
        &self,
        filter: &DeadLetterFilter,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let run = ToolRun::new(options, Timestamp::MIN);
        let route = |event: &DeadLetter| {
            let send = |consumer: &EventConsumer| {
                let part = &consumer.part;
                run.redriven(&of_service(part.service, event), Some(part))
            };
            let consumers = self.consumers.of(event).filter(|_| filter.matches(event));
            let messages: Vec<Publish> = consumers.flat_map(send).collect();
            (!messages.is_empty()).then_some(messages)
        };
        passes::run_to_end(&self.queue, PassAction::new(route), options).await
    }
}

impl EventConsumers {
    /// Returns where the event would go, or why it is not sent. It is forged if its type is not its routing key: the
    /// broker checks only the routing key against the publisher's rights, and services do not compare the two in a
    /// message sent again.
    fn fate(&self, event: &DeadLetter) -> Result<String, String> {
        let (key, event_type) = (key_of(event), type_of(event));
        let is_consumed = || self.0.iter().any(|consumer| consumer.events.get(key).is_some());
        if !came_back(event) && event_type != key && is_consumed() {
            return Err(format!(
                "its type is {event_type:?}, but it was published with the routing key {key:?}"
            ));
        }
        let names: Vec<&str> = self.of(event).map(|one| one.part.service).collect();
        if names.is_empty() {
            Err(NOBODYS.to_owned())
        } else {
            Ok(format!("goes to {}", names.join(", ")))
        }
    }

    fn of(&self, event: &DeadLetter) -> impl Iterator<Item = &EventConsumer> {
        let (key, event_type) = (key_of(event), type_of(event));
        let may_be_sent = came_back(event) || event_type == key;
        let may_have =
            move |one: &EventConsumer| may_be_sent || is_retry_of(one.part.service, event);
        self.0.iter().filter(move |one| may_have(one) && one.events.get(event_type).is_some())
    }
}

impl fmt::Debug for UnroutedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnroutedEvents").finish_non_exhaustive()
    }
}

fn key_of(event: &DeadLetter) -> &str {
    event.routing_key.as_deref().unwrap_or_default()
}

fn type_of(event: &DeadLetter) -> &str {
    event.event_type.as_deref().unwrap_or_default()
}

/// Whether it was published straight to a retry queue, whose name is then the routing key.
fn came_back(event: &DeadLetter) -> bool {
    RETRIES.iter().any(|(retry, _)| *retry == key_of(event))
}

/// Whether this service put it into a retry queue. The broker lets nobody else write there under its name.
fn is_retry_of(service: &str, event: &DeadLetter) -> bool {
    event.exchange.as_deref() == Some(ROUTE) && key_of(event) == service
}

/// Makes the event for this service. A retry takes its first exchange and routing key from headers that are not sent
/// on, since they name the producer to which it would be returned.
fn of_service(service: &str, event: &DeadLetter) -> DeadLetter {
    let mut sent = event.for_service(service);
    let first = event.header(RETRY_EXCHANGE).zip(event.header(RETRY_ROUTING_KEY));
    if let Some((exchange, key)) = first.filter(|_| is_retry_of(service, event)) {
        sent.exchange = Some(exchange.to_owned());
        sent.routing_key = Some(key.to_owned());
    }
    sent
}

#[cfg(test)]
mod tests {
    use ballet_amqp::BasicProperties;
    use ballet_amqp::headers::{DEAD_EXCHANGE, DEAD_ROUTING_KEY, text_header};
    use ballet_core::topology::{DEAD, EVENTS, UNROUTED};
    use ballet_core::{EventType, SubscriptionPart};
    use ballet_testkit::memory::{ExchangeKind, MemoryBroker};

    use super::*;
    use crate::redrive::sample::{delivered, long_string};

    const RUNG: &str = "bell.rung.v1";
    const PAID: &str = "payments.paid.v1";

    fn event(
        exchange: &str,
        key: &str,
        kind: Option<&str>,
        headers: &[(&str, &str)],
    ) -> DeadLetter {
        let mut properties = BasicProperties::default();
        if let Some(kind) = kind {
            properties = properties.with_type(kind.into());
        }
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, long_string(value))).collect();
        let delivery = delivered(exchange, key, properties, &headers);
        DeadLetter::unrouted("unrouted", delivery, |_| Ok(String::new()))
    }

    /// The broker has checked only the routing key against the publisher's rights.
    #[test]
    fn an_event_whose_type_is_not_its_routing_key_is_sent_to_nobody() {
        let subscriptions =
            [RUNG, PAID].map(|name| SubscriptionPart { name: "all", on: EventType::plain(name) });
        let part =
            Part { service: "desk", subscriptions: subscriptions.to_vec(), ..Part::default() };
        let unrouted = UnroutedEvents::new(Arc::new(MemoryBroker::new()), vec![part]);
        let death = [(DEAD_EXCHANGE, EVENTS), (DEAD_ROUTING_KEY, PAID)];
        for (event, is_sent, is_forged) in [
            (event(EVENTS, RUNG, Some(RUNG), &[]), true, false),
            (event(EVENTS, RUNG, None, &[]), true, false),
            (event(EVENTS, RUNG, None, &death), true, false),
            (event(EVENTS, RUNG, Some(PAID), &[]), false, true),
            (event(EVENTS, RUNG, Some("bell.wrung.v1"), &[]), false, true),
            (event(EVENTS, "bell.wrung.v1", Some(PAID), &[]), false, false),
            (event(ROUTE, "retry.5s", Some(RUNG), &[]), true, false),
            (event(ROUTE, "desk", Some(RUNG), &[]), true, false),
            (event(ROUTE, "desk", Some("bell.wrung.v1"), &[]), false, false),
            (event(ROUTE, "bell", Some(RUNG), &[]), false, false),
            (event(EVENTS, "desk", Some(RUNG), &[]), false, false),
        ] {
            assert_eq!(!unrouted.consumers(&event).is_empty(), is_sent, "{event:?}");
            let fate = unrouted.consumers.fate(&event);
            assert_eq!(fate.is_ok(), is_sent, "{event:?}");
            assert_eq!(fate.is_err_and(|why| why != NOBODYS), is_forged, "{event:?}");
            let run = ToolRun::new(&RedriveOptions::plain(), Timestamp::MIN);
            if is_sent {
                let sent = run.redriven(&of_service("desk", &event), None);
                let kind = sent.last().and_then(|message| message.properties.kind().as_ref());
                assert_eq!(kind.map(|kind| kind.as_str()), Some(RUNG));
            }
        }
    }

    #[tokio::test]
    async fn the_events_of_a_pack_are_shown_and_sent_each_and_leave_with_the_last() {
        let broker = MemoryBroker::new();
        for queue in [UNROUTED, "desk", "notes"] {
            broker.queue(queue);
        }
        for (exchange, queue) in [(EVENTS, UNROUTED), (DEAD, "notes")] {
            broker.exchange(exchange, ExchangeKind::Topic);
            broker.bind(exchange, "#", queue);
        }
        let rung = |number: u8| Publish {
            exchange: EVENTS.to_owned(),
            routing_key: RUNG.to_owned(),
            mandatory: false,
            properties: BasicProperties::default()
                .with_type(RUNG.into())
                .with_app_id("bell".into())
                .with_message_id(format!("0193f7a0-0000-7000-8000-00000000000{number}").into())
                .with_correlation_id(format!("0193f7a0-0000-7000-8000-00000000001{number}").into())
                .with_content_type("application/json".into()),
            body: b"{}".to_vec().into(),
        };
        broker.put(&pack::pack(&rung(1), &[rung(2)]));
        let subscriptions = vec![SubscriptionPart { name: "all", on: EventType::plain(RUNG) }];
        let part = Part { service: "desk", subscriptions, ..Part::default() };
        let unrouted = UnroutedEvents::new(Arc::new(broker.clone()), vec![part]);
        let shown = async || {
            let mut shown = Vec::new();
            let each = |event: DeadLetter| shown.push(event.saga.unwrap_or_default());
            unrouted.letters().browse(each).await.expect("read");
            shown
        };
        assert_eq!(shown().await.len(), 2);
        let one = DeadLetterFilter { saga: Some("11".to_owned()), ..DeadLetterFilter::default() };
        let options = RedriveOptions::plain();
        let sent = unrouted.redrive(&one, &options).await.expect("a summary");
        assert_eq!((sent.removed, broker.ready("desk").len(), shown().await.len()), (1, 1, 2));
        let all = DeadLetterFilter::default();
        let sent = unrouted.redrive(&all, &options).await.expect("a summary");
        assert_eq!((sent.removed, broker.ready("desk").len(), shown().await.len()), (2, 3, 0));
    }

    /// The first routing key names the producer to which it is returned if it dies again.
    #[test]
    fn a_retry_says_where_it_was_published_first_and_other_events_do_not_choose_it() {
        let first = [(RETRY_EXCHANGE, EVENTS), (RETRY_ROUTING_KEY, RUNG)];
        let paid = [(RETRY_EXCHANGE, EVENTS), (RETRY_ROUTING_KEY, PAID)];
        let run = ToolRun::new(&RedriveOptions::plain(), Timestamp::MIN);
        for (event, exchange, key) in [
            (event(ROUTE, "desk", Some(RUNG), &first), EVENTS, RUNG),
            (event(ROUTE, "desk", Some(RUNG), &[]), ROUTE, "desk"),
            (event(ROUTE, "bell", Some(RUNG), &first), ROUTE, "bell"),
            (event(EVENTS, RUNG, Some(RUNG), &paid), EVENTS, RUNG),
        ] {
            for message in run.redriven(&of_service("desk", &event), None) {
                let written = |name| text_header(&message.properties, name);
                assert_eq!(written(DEAD_EXCHANGE), Some(exchange), "{event:?}");
                assert_eq!(written(DEAD_ROUTING_KEY), Some(key), "{event:?}");
            }
        }
    }
}
