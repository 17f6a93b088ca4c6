//! Converts outgoing events to messages.

use std::borrow::Cow;

use ballet_amqp::headers::{BAGGAGE, CAUSATION_ID, TRACEPARENT, TRACESTATE, insert_text};
use ballet_amqp::{
    AMQPValue, BasicProperties, FieldTable, Outgoing, PERSISTENT, Publish, ShortString,
};
use ballet_core::envelope::CONTENT_TYPE;
use ballet_core::envelope::pack::Member;
use ballet_core::topology::EVENTS;
use ballet_core::{MessageId, SagaId};
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::outbox::event::EmittedEvent;
use crate::outbox::left_behind::StoredEvent;
use crate::trace::Trace;

/// The properties that all messages of a service have.
pub fn properties(service: &str, message_id: MessageId, at: Timestamp) -> BasicProperties {
    BasicProperties::default()
        .with_message_id(message_id.to_string().into())
        .with_app_id(service.into())
        .with_timestamp(u64::try_from(at.as_second()).unwrap_or_default())
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
}

/// An event on its way to the broker.
#[derive(Debug)]
pub struct OutgoingEvent {
    service: &'static str,
    pub message_id: MessageId,
    event_type: Cow<'static, str>,
    /// The saga that the event belongs to.
    pub saga_id: Option<SagaId>,
    causation_id: Option<MessageId>,
    pub trace: Option<Trace>,
    created_at: Timestamp,
    body: Bytes,
}

impl OutgoingEvent {
    /// An event that this service just emitted.
    pub fn emitted(service: &'static str, event: EmittedEvent, now: Timestamp) -> Self {
        Self {
            service,
            message_id: event.message_id,
            event_type: event.event.event_type.name().into(),
            saga_id: event.saga_id,
            causation_id: event.causation_id,
            trace: event.trace,
            created_at: now,
            body: event.event.body,
        }
    }

    /// The same event, read back from the outbox.
    pub fn stored(service: &'static str, event: StoredEvent) -> Self {
        Self {
            service,
            message_id: event.message_id,
            event_type: event.event_type.into(),
            saga_id: event.saga_id,
            causation_id: event.causation_id,
            trace: event.trace,
            created_at: event.created_at,
            body: event.body.into(),
        }
    }

    /// The event as a member of a pack.
    pub fn member(&self) -> (Member<'_>, &[u8]) {
        let trace = self.trace.as_ref();
        let carried = trace.map(|trace| &trace.carried);
        let member = Member {
            id: self.message_id.to_string().into(),
            source: self.service.into(),
            r#type: Cow::Borrowed(&self.event_type),
            time: Some(self.created_at),
            correlationid: Some(self.correlation().to_string().into()),
            causationid: self.causation_id.map(|cause| cause.to_string().into()),
            traceparent: trace.map(|trace| trace.context.traceparent().into()),
            tracestate: carried.and_then(|carried| carried.tracestate()).map(Cow::Borrowed),
            baggage: carried.and_then(|carried| carried.baggage()).map(Cow::Borrowed),
        };
        (member, &self.body)
    }

    /// A message without a saga is correlated only with itself.
    fn correlation(&self) -> Uuid {
        self.saga_id.map_or(self.message_id.0, |saga| saga.0)
    }

    fn headers(&self) -> FieldTable {
        let mut headers = FieldTable::default();
        if let Some(cause) = self.causation_id {
            headers.insert(CAUSATION_ID.into(), AMQPValue::LongString(cause.to_string().into()));
        }
        if let Some(trace) = &self.trace {
            let traceparent = trace.context.traceparent();
            headers.insert(TRACEPARENT.into(), AMQPValue::LongString(traceparent.into()));
            if let Some(tracestate) = trace.carried.tracestate() {
                insert_text(&mut headers, TRACESTATE, tracestate);
            }
            if let Some(baggage) = trace.carried.baggage() {
                insert_text(&mut headers, BAGGAGE, baggage);
            }
        }
        headers
    }
}

impl Outgoing for OutgoingEvent {
    fn exchange(&self) -> &str {
        EVENTS
    }

    fn routing_key(&self) -> &str {
        &self.event_type
    }

    fn body_len(&self) -> usize {
        self.body.len()
    }

    fn to_publish(&self) -> Publish {
        // A type that is too long is refused as a routing key, without affecting other messages.
        let properties = properties(self.service, self.message_id, self.created_at)
            .with_type(ShortString::try_new(self.routing_key()).unwrap_or_default())
            .with_correlation_id(self.correlation().to_string().into())
            .with_headers(self.headers());
        Publish {
            exchange: self.exchange().to_owned(),
            routing_key: self.routing_key().to_owned(),
            mandatory: true,
            properties,
            body: self.body.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ballet_core::EventType;

    use super::*;
    use crate::ledger::event::EncodedEvent;
    use crate::outbox::event::EventSource;

    const BODY: &str = r#"{"order":7}"#;
    const PLACED: EventType = EventType::plain("orders.order_placed.v1");
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\na=1\nuser=7";

    fn emitted() -> EmittedEvent {
        EmittedEvent {
            message_id: MessageId(Uuid::from_u128(1)),
            event: EncodedEvent { event_type: PLACED, body: BODY.into() },
            saga_id: Some(SagaId(Uuid::from_u128(2))),
            causation_id: Some(MessageId(Uuid::from_u128(3))),
            trace: Trace::parse(TRACE, None),
            source: EventSource::Ledger,
        }
    }

    fn stored(event: EmittedEvent, created_at: Timestamp) -> StoredEvent {
        StoredEvent {
            message_id: event.message_id,
            event_type: event.event.event_type.name().to_owned(),
            saga_id: event.saga_id,
            causation_id: event.causation_id,
            trace: event.trace,
            body: BODY.to_owned(),
            created_at,
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).expect("a time")
    }

    #[test]
    fn an_event_has_the_properties_and_headers_of_the_contract() {
        let mut headers = FieldTable::default();
        for (name, value) in [
            ("causation_id", "00000000-0000-0000-0000-000000000003"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("tracestate", "a=1"),
            ("baggage", "user=7"),
        ] {
            insert_text(&mut headers, name, value);
        }
        let properties = BasicProperties::default()
            .with_message_id("00000000-0000-0000-0000-000000000001".into())
            .with_type("orders.order_placed.v1".into())
            .with_correlation_id("00000000-0000-0000-0000-000000000002".into())
            .with_app_id("orders".into())
            .with_timestamp(1_790_000_000)
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(headers);
        let expected = Publish {
            exchange: "events".to_owned(),
            routing_key: "orders.order_placed.v1".to_owned(),
            mandatory: true,
            properties,
            body: BODY.into(),
        };
        let event = OutgoingEvent::emitted("orders", emitted(), now());
        assert_eq!(event.to_publish(), expected);
        assert_eq!(event.to_publish(), expected, "when it is sent again");
        let stored = OutgoingEvent::stored("orders", stored(emitted(), now()));
        assert_eq!(stored.to_publish(), expected, "when it was read back");
    }

    #[test]
    fn an_event_without_a_saga_is_correlated_with_itself() {
        let alone = EmittedEvent { saga_id: None, causation_id: None, trace: None, ..emitted() };
        let message = OutgoingEvent::emitted("orders", alone, now()).to_publish();
        let Publish { properties, .. } = message;
        assert_eq!(properties.correlation_id(), properties.message_id());
        assert_eq!(properties.headers(), &Some(FieldTable::default()));
    }
}
