//! Dead letters and delayed retries: copies of a message, whole, with the reason.
//!
//! A dead letter lies in the service's `.dead` queue, which is the truth about what is dead. A
//! delayed retry waits in a retry queue and comes back to the service's own queue.

use std::sync::Arc;

use ballet_amqp::headers::{
    self, ATTEMPTS, DEAD_AT, DEAD_DETAIL, DEAD_EXCHANGE, DEAD_REASON, DEAD_ROUTING_KEY,
    DEAD_SERVICE, DEAD_STEP, Deaths, ORIGINAL_EXPIRATION, ORIGINAL_USER_ID, RETRIES,
    RETRIES_FAILED, RETRY_DETAIL, RETRY_EXCHANGE, RETRY_ROUTING_KEY, count_header, insert_text,
    properties_to_keep, text_header,
};
use ballet_amqp::{AMQPValue, Delivery, PERSISTENT, Publish, Receipt, ShortString, incoming};
use ballet_core::envelope::foreign_producer;
use ballet_core::fault::{self, FaultPoint};
use ballet_core::topology::{DEAD, DEAD_PRODUCER, DELIVERY_LIMIT, EVENTS, ROUTE};
use ballet_core::{Envelope, Incoming, Reason, ReceivedEvent, Unacceptable};
use ballet_store::inbox::failures;
use ballet_store::inbox::failures::FailedMessage;
use tracing::{Instrument, Span};

use crate::declare::step::retry::Delay;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::lane::dead_letters::copies;

/// A message that goes on as a copy, unacknowledged until the broker has confirmed the copy.
pub(crate) struct OriginalMessage {
    pub(crate) delivery: Delivery,
    pub(crate) receipt: Receipt,
    pub(crate) span: Span,
}

impl OriginalMessage {
    /// A message that could not be read. Its log lines describe it by its properties.
    pub(crate) fn unread(delivery: Delivery, receipt: Receipt) -> Self {
        let properties = &delivery.properties;
        let said = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
        let span = tracing::error_span!(
            "message",
            r#type = said(properties.kind()),
            id = said(properties.message_id()),
            saga = said(properties.correlation_id()),
        );
        Self { delivery, receipt, span }
    }
}

/// The original is settled when the broker has confirmed the dead letter.
pub(crate) fn set_aside(
    engine: &Arc<Engine>,
    original: OriginalMessage,
    why: Unacceptable,
    step: Option<&'static str>,
    attempts: u32,
) {
    let delivery = &original.delivery;
    let attempts = attempts + earlier_attempts(delivery);
    let Unacceptable { reason, detail } = why;
    // A handler or the engine gives these reasons; the others are those of messages that were not read.
    let was_handled = matches!(reason, Reason::Permanent | Reason::Failed | Reason::NotYet);
    let reason = reason.code();
    metrics::counter!("ballet_dead_letters_total", "reason" => reason).increment(1);
    let (exchange, routing_key) = origin(delivery);
    let mut headers = vec![
        (DEAD_REASON, text_value(reason)),
        (DEAD_DETAIL, text_value(&detail)),
        (DEAD_AT, text_value(&engine.time.clock.now().to_string())),
        (DEAD_SERVICE, text_value(engine.registry.service)),
        (DEAD_EXCHANGE, text_value(exchange)),
        (DEAD_ROUTING_KEY, text_value(routing_key)),
    ];
    let app_id = delivery.properties.app_id().as_ref().map(ShortString::as_str);
    if let Some(producer) = foreign_producer(exchange, routing_key, app_id, &engine.registry.events)
    {
        headers.push((DEAD_PRODUCER, text_value(producer)));
    }
    if let Some(step) = step {
        headers.push((DEAD_STEP, text_value(step)));
    }
    original.span.in_scope(|| {
        if step.is_some() || was_handled {
            tracing::error!(reason, step, attempts, "a message is set aside: {detail}");
        } else {
            // The detail may quote the message, so it is for the dead letter and not for the log.
            tracing::error!(reason, routing_key, "a message that cannot be taken is set aside");
        }
    });
    // A message that no handler ever got is not listed as stuck; it is among the dead letters.
    let failed = match step {
        Some(handler) => Some(FailureRecord::FailedMessage(FailedMessage {
            handler,
            reason,
            detail,
            attempts,
            wait: None,
        })),
        None => (waits(delivery) > 0).then_some(FailureRecord::GivenUp { reason, detail }),
    };
    publish_copy(engine, DEAD, original, headers, attempts, failed);
}

pub(crate) fn retry_later(
    engine: &Arc<Engine>,
    original: OriginalMessage,
    why: Unacceptable,
    step: Option<&'static str>,
    wait: RetryWait,
    attempts: u32,
) {
    let delivery = &original.delivery;
    let attempts = attempts + earlier_attempts(delivery);
    let waits = waits(delivery) + 1;
    let (delay, failed_waits) = match wait {
        RetryWait::AfterFailure(delay) => (delay, failed_waits(delivery) + 1),
        RetryWait::Other(delay) => (delay, failed_waits(delivery)),
    };
    let queue = delay.queue();
    metrics::counter!("ballet_failures_total", "then" => queue).increment(1);
    let Unacceptable { reason, detail } = why;
    original.span.in_scope(|| {
        tracing::warn!(step, attempts, queue, "a message is tried again later: {detail}");
    });
    let (exchange, routing_key) = origin(delivery);
    let headers = vec![
        (RETRIES, AMQPValue::LongUInt(waits)),
        (RETRIES_FAILED, AMQPValue::LongUInt(failed_waits)),
        (RETRY_DETAIL, text_value(&detail)),
        (RETRY_EXCHANGE, text_value(exchange)),
        (RETRY_ROUTING_KEY, text_value(routing_key)),
    ];
    let wait = Some(delay.time());
    let failed = |handler| FailedMessage { handler, reason: reason.code(), detail, attempts, wait };
    let failed = step.map(|handler| FailureRecord::FailedMessage(failed(handler)));
    publish_copy(engine, queue, original, headers, attempts, failed);
}

/// Why a message waits in a retry queue, and how long. The two reasons are counted apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RetryWait {
    AfterFailure(Delay),
    /// It waits for another event, a lock or a server; or it compensates, and is tried without end.
    Other(Delay),
}

fn publish_copy(
    engine: &Arc<Engine>,
    exchange: &'static str,
    original: OriginalMessage,
    headers: Vec<(&'static str, AMQPValue)>,
    attempts: u32,
    noted: Option<FailureRecord>,
) {
    let engine = Arc::clone(engine);
    let mut stopping = engine.stopping.clone();
    let OriginalMessage { delivery, receipt, span } = original;
    let copied = async move {
        let copied = async {
            let Some(publisher) = engine.relay.publisher() else { return };
            // A second copy of what no handler got.
            let is_in_journal = exchange == DEAD && noted.is_none() && delivery.exchange == EVENTS;
            let letter = copy(&engine, exchange, delivery, &headers, attempts);
            fault::point(FaultPoint::BeforeCopy, exchange);
            if let Some(noted) = noted {
                note(&engine, &letter, &noted).await;
            }
            copies::send(&engine, publisher, letter, is_in_journal).await;
            fault::point(FaultPoint::AfterCopy, exchange);
            receipt.settle();
        };
        tokio::select! {
            () = copied => {}
            // Unacknowledged, so that the broker delivers it again.
            () = stopped(&mut stopping) => {}
        }
    };
    tokio::spawn(copied.instrument(span));
}

enum FailureRecord {
    FailedMessage(FailedMessage),
    /// It failed before, and became a dead letter before a handler got it again.
    GivenUp {
        reason: &'static str,
        detail: String,
    },
}

/// Lists a failure as stuck. The copy carries the ids that were derived from its message.
async fn note(engine: &Engine, letter: &Publish, noted: &FailureRecord) {
    let text = |value: &Option<_>| value.as_ref().map(ToString::to_string);
    let properties = &letter.properties;
    let id = text(properties.message_id()).and_then(|id| id.parse().ok());
    let Some(id) = id else { return };
    let failed = match noted {
        FailureRecord::FailedMessage(failed) => failed,
        FailureRecord::GivenUp { reason, detail } => {
            return failures::give_up(&engine.database.upkeep, id, reason, detail).await;
        }
    };
    let saga = text(properties.correlation_id()).and_then(|id| id.parse().ok());
    let event_type = text(properties.kind()).unwrap_or_default();
    failures::record(&engine.database.upkeep, id, saga, &event_type, failed).await;
}

/// Whether the message was delivered often and never settled. Reading it may be what ends the
/// process.
pub(crate) fn is_crash_loop(delivery: &Delivery) -> bool {
    delivery.earlier_deliveries() >= DELIVERY_LIMIT
}

/// How often the message was tried before it came back from a retry queue.
pub(crate) fn earlier_attempts(delivery: &Delivery) -> u32 {
    count_header(&delivery.properties, ATTEMPTS)
}

/// How often the message has waited in retry queues. A dead letter starts again at zero.
pub(crate) fn waits(delivery: &Delivery) -> u32 {
    count_header(&delivery.properties, RETRIES)
}

/// How often it has waited there because its handler had failed. Copies by the version before do
/// not count.
pub(crate) fn failed_waits(delivery: &Delivery) -> u32 {
    count_header(&delivery.properties, RETRIES_FAILED)
}

/// How often it has waited there for anything else.
pub(crate) fn other_waits(delivery: &Delivery) -> u32 {
    waits(delivery).saturating_sub(failed_waits(delivery))
}

/// The exchange and routing key that the message was first published with. Copies come back from a
/// retry queue through `route`, and from elsewhere through the default exchange.
fn origin(delivery: &Delivery) -> (&str, &str) {
    let header = |name| text_header(&delivery.properties, name);
    let of_a_copy = header(RETRY_EXCHANGE)
        .zip(header(RETRY_ROUTING_KEY))
        .or_else(|| header(DEAD_EXCHANGE).zip(header(DEAD_ROUTING_KEY)));
    match of_a_copy {
        Some(origin) if matches!(&*delivery.exchange, "" | ROUTE) => origin,
        _ => (&delivery.exchange, &delivery.routing_key),
    }
}

/// The original with its whole body, and more headers. Derived properties are written in, and those
/// that would act on the copy become headers. The body is not copied, since it may be big.
fn copy(
    engine: &Engine,
    exchange: &str,
    delivery: Delivery,
    more: &[(&'static str, AMQPValue)],
    attempts: u32,
) -> Publish {
    let original = &delivery.properties;
    // Only retry queues dead-letter to a service's queue.
    let deaths = if waits(&delivery) > 0 { Deaths::Brokers } else { Deaths::Foreign };
    let mut headers = headers::kept(original.headers().as_ref(), deaths);
    if let Some(expiration) = original.expiration() {
        insert_text(&mut headers, ORIGINAL_EXPIRATION, expiration.as_str());
    }
    if let Some(user) = original.user_id() {
        insert_text(&mut headers, ORIGINAL_USER_ID, user.as_str());
    }
    for (name, value) in more {
        headers.insert((*name).into(), value.clone());
    }
    headers.insert(ATTEMPTS.into(), AMQPValue::LongUInt(attempts));
    let mut properties = properties_to_keep(original);
    // Properties that were derived from the message are written into every copy.
    let incoming = Incoming { reader: Some(engine.registry.service), ..incoming(&delivery) };
    let events = &engine.registry.events;
    let read = (!is_crash_loop(&delivery))
        .then(|| Envelope::read(&incoming, events, &engine.limits, engine.time.shared.latest()));
    match read {
        Some(Ok(ReceivedEvent { envelope, .. })) => {
            properties = properties
                .with_type(envelope.event_type.name().into())
                .with_message_id(envelope.message_id.to_string().into());
            if let Some(saga) = envelope.saga_id {
                properties = properties.with_correlation_id(saga.to_string().into());
            }
        }
        // A copy that comes back through another exchange has another routing key.
        Some(Err(_)) | None => {
            if let Some(event_type) = Envelope::type_of(&incoming, events) {
                properties = properties.with_type(event_type.name().into());
            }
        }
    }
    Publish {
        exchange: exchange.to_owned(),
        routing_key: engine.registry.service.to_owned(),
        mandatory: true,
        properties: properties.with_headers(headers).with_delivery_mode(PERSISTENT),
        body: delivery.body.into(),
    }
}

fn text_value(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
