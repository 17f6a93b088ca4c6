//! Converts outgoing events to messages.

use std::borrow::Cow;

use ballet_amqp::headers::{BAGGAGE, CAUSATION_ID, TRACEPARENT, TRACESTATE, insert_text};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Outgoing, Publish, ShortString};
use ballet_core::topology::EVENTS;
use ballet_core::{MessageId, SagaId};
use ballet_store::outbox::event::Emitted;
use ballet_store::outbox::left_behind::StoredEvent;
use ballet_store::trace::Trace;
use bytes::Bytes;
use jiff::Timestamp;

const PERSISTENT: u8 = 2;

/// An event on its way to the broker.
#[derive(Debug)]
pub(crate) struct OutgoingEvent {
    service: &'static str,
    message_id: MessageId,
    event_type: Cow<'static, str>,
    saga_id: Option<SagaId>,
    causation_id: Option<MessageId>,
    trace: Option<Trace>,
    created_at: Timestamp,
    body: Bytes,
}

impl OutgoingEvent {
    /// An event that this service just emitted.
    pub(crate) fn emitted(service: &'static str, event: Emitted, now: Timestamp) -> Self {
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

    /// The same event when it was read back from the outbox.
    pub(crate) fn stored(service: &'static str, event: StoredEvent) -> Self {
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
        // A message without a saga is correlated only with itself.
        let correlation = self.saga_id.map_or(self.message_id.0, |saga| saga.0);
        let seconds = u64::try_from(self.created_at.as_second()).unwrap_or_default();
        // A type that is too long is refused as a routing key, without affecting other messages.
        let properties = BasicProperties::default()
            .with_message_id(self.message_id.to_string().into())
            .with_type(ShortString::try_new(self.routing_key()).unwrap_or_default())
            .with_correlation_id(correlation.to_string().into())
            .with_app_id(self.service.into())
            .with_timestamp(seconds)
            .with_content_type(ballet_core::envelope::CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
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
