//! Dead letters and delayed retries: copies of a message, whole, with the reason.
//!
//! A dead letter lies in the service's `.dead` queue, which is the truth about what is dead. A
//! delayed retry waits in a retry queue and comes back to the service's own queue.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::envelope::Limits;
use ballet_core::topology::DEAD;
use ballet_core::{Envelope, Received, Unacceptable};

use crate::broker::{AMQPValue, BasicProperties, Delivery, FieldTable, Publish};
use crate::consumer::Receipt;
use crate::engine::{Engine, stopped};
use crate::fault::{self, FaultPoint};
use crate::publisher::{PublishError, PublisherHandle};
use crate::stuck::{self, Failed};
use crate::{Delay, wire};

/// A confirm that does not come is waited for: the channel lives, so the broker has the message.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(24 * 60 * 60);
/// How long to wait before publishing again what the broker refuses.
const PAUSE: Duration = Duration::from_secs(30);
const PERSISTENT: u8 = 2;
/// The header that counts the attempts, those at once and those after a delay.
const ATTEMPTS: &str = "x-attempts";
/// The header that counts the delays.
const WAITS: &str = "x-retries";
/// The header that says why a message waits.
const WHY: &str = "x-retry-detail";
/// What the headers begin with that are written into copies and redriven messages.
const OURS: [&str; 6] = ["x-dead-", ATTEMPTS, "x-retr", "x-redriv", "x-edited-", "x-original-"];

impl Engine {
    /// Publishes the message as a dead letter, and settles the original when the broker has
    /// confirmed it. Until then the original is unacknowledged, so that it cannot be lost.
    pub(crate) fn set_aside(
        self: &Arc<Self>,
        delivery: Delivery,
        receipt: Receipt,
        why: Unacceptable,
        step: Option<&'static str>,
        attempts: u32,
    ) {
        let attempts = attempts + earlier_attempts(&delivery);
        let Unacceptable { reason, detail } = why;
        let reason = reason.code();
        metrics::counter!("ballet_dead_letters_total", "reason" => reason).increment(1);
        let (exchange, routing_key) = origin(&delivery);
        let mut headers = vec![
            ("x-dead-reason", words(reason)),
            ("x-dead-detail", words(&detail)),
            ("x-dead-at", words(&self.context.now().to_string())),
            ("x-dead-service", words(self.registry.service)),
            ("x-dead-exchange", words(exchange)),
            ("x-dead-routing-key", words(routing_key)),
        ];
        match step {
            Some(step) => {
                headers.push(("x-dead-step", words(step)));
                tracing::error!(reason, step, attempts, "a message is set aside: {detail}");
            }
            // What cannot be read may be quoted in the detail: that is for the letter, not the log.
            None => tracing::error!(
                reason,
                routing_key = delivery.routing_key,
                "a message that cannot be taken is set aside"
            ),
        }
        // What did not get as far as a handler is among the dead letters alone.
        let failed = step.map(|handler| Failed { handler, reason, detail, attempts, wait: None });
        self.publish_copy(DEAD, delivery, receipt, headers, attempts, failed);
    }

    /// Publishes the message to a retry queue, from which it comes back after the delay.
    pub(crate) fn retry_later(
        self: &Arc<Self>,
        delivery: Delivery,
        receipt: Receipt,
        why: Unacceptable,
        step: Option<&'static str>,
        delay: Delay,
        attempts: u32,
    ) {
        let attempts = attempts + earlier_attempts(&delivery);
        let waits = waits(&delivery) + 1;
        let queue = delay.queue();
        metrics::counter!("ballet_failures_total", "then" => queue).increment(1);
        let Unacceptable { reason, detail } = why;
        tracing::warn!(step, attempts, queue, "a message is tried again later: {detail}");
        let (exchange, routing_key) = origin(&delivery);
        let headers = vec![
            (WAITS, AMQPValue::LongUInt(waits)),
            (WHY, words(&detail)),
            ("x-retry-exchange", words(exchange)),
            ("x-retry-routing-key", words(routing_key)),
        ];
        let wait = Some(delay.time());
        let failed =
            step.map(|handler| Failed { handler, reason: reason.code(), detail, attempts, wait });
        self.publish_copy(queue, delivery, receipt, headers, attempts, failed);
    }

    fn publish_copy(
        self: &Arc<Self>,
        exchange: &'static str,
        delivery: Delivery,
        receipt: Receipt,
        headers: Vec<(&'static str, AMQPValue)>,
        attempts: u32,
        failed: Option<Failed>,
    ) {
        let engine = Arc::clone(self);
        let mut stopping = self.stopping.clone();
        tokio::spawn(async move {
            let copied = async {
                let Some(publisher) = engine.relay.publisher() else { return };
                let letter = copy(&engine, exchange, &delivery, &headers, attempts);
                fault::point(FaultPoint::BeforeCopy, exchange);
                if let Some(failed) = failed {
                    note(&engine, &letter, &failed).await;
                }
                publish_until_confirmed(publisher, letter).await;
                fault::point(FaultPoint::AfterCopy, exchange);
                receipt.settle();
            };
            tokio::select! {
                () = copied => {}
                // Unacknowledged: the broker delivers it again.
                () = stopped(&mut stopping) => {}
            }
        });
    }
}

/// Lists a failure among what is stuck. The copy has what was derived from its message.
async fn note(engine: &Engine, letter: &Publish, failed: &Failed) {
    let text = |value: &Option<_>| value.as_ref().map(ToString::to_string);
    let properties = &letter.properties;
    let id = text(properties.message_id()).and_then(|id| id.parse().ok());
    let Some(id) = id else { return };
    let saga = text(properties.correlation_id()).and_then(|id| id.parse().ok());
    let event_type = text(properties.kind()).unwrap_or_default();
    stuck::note(&engine.pool, id, saga, &event_type, failed).await;
}

async fn publish_until_confirmed(publisher: &PublisherHandle, mut letter: Publish) {
    loop {
        match publisher.publish_now(letter.clone(), AS_LONG_AS_IT_TAKES).await {
            Ok(()) => return,
            Err(error @ PublishError::Refused { .. }) => {
                if !without_foreign_headers(&mut letter) {
                    tracing::error!("a copy cannot be published, its original stays: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Err(error) => {
                tracing::warn!("a copy waits: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Headers that are too big for one more beside them go; whether there were any.
fn without_foreign_headers(letter: &mut Publish) -> bool {
    let headers = letter.properties.headers().clone().unwrap_or_default();
    let mut kept = FieldTable::default();
    for (name, value) in headers.inner() {
        if OURS.iter().any(|ours| name.as_str().starts_with(ours)) {
            kept.insert(name.clone(), value.clone());
        }
    }
    if kept.inner().len() == headers.inner().len() {
        return false;
    }
    text(&mut kept, "x-dead-headers", "the original headers were too big to be kept");
    letter.properties = letter.properties.clone().with_headers(kept);
    true
}

/// How often the message was tried before it came back from a retry queue.
fn earlier_attempts(delivery: &Delivery) -> u32 {
    count(delivery, ATTEMPTS)
}

/// How often the message has waited in retry queues. A dead letter begins anew.
pub(crate) fn waits(delivery: &Delivery) -> u32 {
    count(delivery, WAITS)
}

/// The exchange and the routing key by which the message came first: copies come back through the
/// default exchange.
fn origin(delivery: &Delivery) -> (&str, &str) {
    let of_a_copy = ["x-retry", "x-dead"].into_iter().find_map(|copied| {
        let header = |name| read_words(delivery, &format!("{copied}-{name}"));
        Some((header("exchange")?, header("routing-key")?))
    });
    match of_a_copy {
        Some(origin) if delivery.exchange.is_empty() => origin,
        _ => (&delivery.exchange, &delivery.routing_key),
    }
}

fn read_words<'a>(delivery: &'a Delivery, header: &str) -> Option<&'a str> {
    match delivery.properties.headers().as_ref()?.inner().get(header)? {
        AMQPValue::LongString(text) => str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    }
}

/// A count in a header, which anybody may have written.
fn count(delivery: &Delivery, header: &str) -> u32 {
    let headers = delivery.properties.headers().as_ref();
    let counted = match headers.and_then(|headers| headers.inner().get(header)) {
        Some(AMQPValue::LongUInt(counted)) => *counted,
        _ => 0,
    };
    counted.min(1_000_000)
}

/// The original, body and properties whole, with more headers.
fn copy(
    engine: &Engine,
    exchange: &str,
    delivery: &Delivery,
    more: &[(&'static str, AMQPValue)],
    attempts: u32,
) -> Publish {
    let original = &delivery.properties;
    let mut headers = kept_headers(original.headers().as_ref());
    if let Some(expiration) = original.expiration() {
        text(&mut headers, "x-original-expiration", expiration.as_str());
    }
    if let Some(user) = original.user_id() {
        text(&mut headers, "x-original-user-id", user.as_str());
    }
    for (name, value) in more {
        headers.insert((*name).into(), value.clone());
    }
    headers.insert(ATTEMPTS.into(), AMQPValue::LongUInt(attempts));
    let mut properties = without_expiration_and_user(original);
    // What is derived from a message is written into every copy of it.
    let (incoming, events) = (wire::incoming(delivery), &engine.registry.events);
    match Envelope::read(&incoming, events, &engine.limits, engine.context.now()) {
        Ok(Received { envelope, .. }) => {
            properties = properties
                .with_type(envelope.event_type.name().into())
                .with_message_id(envelope.message_id.to_string().into());
            if let Some(saga) = envelope.saga_id {
                properties = properties.with_correlation_id(saga.to_string().into());
            }
        }
        // Its routing key is lost when it comes back another way.
        Err(_) => {
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
        body: delivery.body.clone().into(),
    }
}

/// The original headers, but for those that would act on the copy: route it elsewhere, or make it
/// look like a message that has been through the broker before.
pub(crate) fn kept_headers(headers: Option<&FieldTable>) -> FieldTable {
    let (mut kept, mut deep) = (FieldTable::default(), false);
    let deepest = Limits::default().max_headers.depth;
    for (name, value) in headers.into_iter().flat_map(|headers| headers.inner()) {
        match name.as_str() {
            "CC" | "BCC" => {
                let name = format!("x-original-{}", name.as_str().to_lowercase());
                kept.insert(name.into(), value.clone());
            }
            "x-death" | "x-delivery-count" | WAITS => {}
            // Whoever reads the copy would need as much stack as we do.
            _ if wire::depth(value) > deepest => deep = true,
            other
                // Of a dead letter that came back: it is told anew.
                if ["x-first-death", "x-last-death", "x-retry-", "x-dead-"]
                    .iter()
                    .any(|prefix| other.starts_with(prefix)) => {}
            _ => {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
    if deep {
        text(&mut kept, "x-dead-headers", "headers that were nested too deep are not kept");
    }
    kept
}

pub(crate) fn text(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(name.into(), words(value));
}

fn words(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub(crate) fn without_expiration_and_user(properties: &BasicProperties) -> BasicProperties {
    let kept = of_a_plain_body(properties);
    match properties.content_encoding().clone() {
        Some(encoding) => kept.with_content_encoding(encoding),
        None => kept,
    }
}

/// The same for a copy with another body, which is not packed.
pub(crate) fn of_a_plain_body(properties: &BasicProperties) -> BasicProperties {
    let mut kept = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident => $with:ident),+ $(,)?) => {$(
            if let Some(value) = properties.$get().clone() {
                kept = kept.$with(value);
            }
        )+};
    }
    keep!(
        content_type => with_content_type,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        app_id => with_app_id,
    );
    kept
}
