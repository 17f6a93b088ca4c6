//! Converts outgoing events to messages.

use ballet_amqp::headers::{BAGGAGE, CAUSATION_ID, TRACEPARENT, TRACESTATE, insert_text};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish, ShortString};
use ballet_core::topology::EVENTS;
use ballet_core::{MessageId, SagaId};
use ballet_store::outbox::event::Emitted;
use ballet_store::outbox::left_behind::StoredEvent;
use ballet_store::trace::Trace;
use bytes::Bytes;
use jiff::Timestamp;

const PERSISTENT: u8 = 2;

/// An outgoing event without its body.
struct Outgoing<'a> {
    message_id: MessageId,
    event_type: &'a str,
    saga_id: Option<SagaId>,
    causation_id: Option<MessageId>,
    trace: Option<&'a Trace>,
    created_at: Timestamp,
}

/// Returns the message of an event that this service just emitted.
pub(crate) fn publish(service: &str, event: &Emitted, now: Timestamp) -> Publish {
    let outgoing = Outgoing {
        message_id: event.message_id,
        event_type: event.event.event_type.name(),
        saga_id: event.saga_id,
        causation_id: event.causation_id,
        trace: event.trace.as_ref(),
        created_at: now,
    };
    outgoing.message(service, event.event.body.clone())
}

/// Returns the same message from an event that was read back from the outbox.
pub(crate) fn publish_stored(service: &str, event: StoredEvent) -> Publish {
    let body = Bytes::from(event.body);
    let outgoing = Outgoing {
        message_id: event.message_id,
        event_type: &event.event_type,
        saga_id: event.saga_id,
        causation_id: event.causation_id,
        trace: event.trace.as_ref(),
        created_at: event.created_at,
    };
    outgoing.message(service, body)
}

impl Outgoing<'_> {
    fn message(&self, service: &str, body: Bytes) -> Publish {
        let mut headers = FieldTable::default();
        if let Some(cause) = self.causation_id {
            headers.insert(CAUSATION_ID.into(), AMQPValue::LongString(cause.to_string().into()));
        }
        if let Some(trace) = self.trace {
            let context = trace.context.to_string();
            headers.insert(TRACEPARENT.into(), AMQPValue::LongString(context.into()));
            if let Some(tracestate) = trace.carried.tracestate() {
                insert_text(&mut headers, TRACESTATE, tracestate);
            }
            if let Some(baggage) = trace.carried.baggage() {
                insert_text(&mut headers, BAGGAGE, baggage);
            }
        }
        // A message without a saga is correlated only with itself.
        let correlation = self.saga_id.map_or(self.message_id.0, |saga| saga.0);
        let seconds = u64::try_from(self.created_at.as_second()).unwrap_or_default();
        // A type that is too long is refused as a routing key, without affecting other messages.
        let properties = BasicProperties::default()
            .with_message_id(self.message_id.to_string().into())
            .with_type(ShortString::try_new(self.event_type).unwrap_or_default())
            .with_correlation_id(correlation.to_string().into())
            .with_app_id(service.into())
            .with_timestamp(seconds)
            .with_content_type(ballet_core::envelope::CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers);
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: self.event_type.to_owned(),
            mandatory: true,
            properties,
            body,
        }
    }
}
