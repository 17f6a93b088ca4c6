//! Dead letters and delayed retries: copies of a message, whole, with the reason.
//!
//! A dead letter lies in the service's `.dead` queue, which is the truth about what is dead. A
//! delayed retry waits in a retry queue and comes back to the service's own queue.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::topology::{DEAD, RETRIES};
use ballet_core::{Envelope, Unacceptable};

use crate::broker::{AMQPValue, BasicProperties, Delivery, FieldTable, Publish};
use crate::consumer::Receipt;
use crate::engine::{Engine, stopped};
use crate::fault::{self, FaultPoint};
use crate::publisher::{PublishError, PublisherHandle};
use crate::wire;

/// A confirm that does not come is waited for: the channel lives, so the broker has the message.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(24 * 60 * 60);
/// How long to wait before publishing again what the broker refuses.
const PAUSE: Duration = Duration::from_secs(30);
const PERSISTENT: u8 = 2;

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
        let mut headers = vec![
            ("x-dead-reason", reason.to_owned()),
            ("x-dead-detail", detail.clone()),
            ("x-dead-at", self.context.now().to_string()),
            ("x-dead-service", self.registry.service.to_owned()),
            ("x-dead-exchange", delivery.exchange.clone()),
            ("x-dead-routing-key", delivery.routing_key.clone()),
        ];
        match step {
            Some(step) => {
                headers.push(("x-dead-step", step.to_owned()));
                tracing::error!(reason, step, attempts, "a message is set aside: {detail}");
            }
            // What cannot be read may be quoted in the detail: that is for the letter, not the log.
            None => tracing::error!(
                reason,
                routing_key = delivery.routing_key,
                "a message that cannot be taken is set aside"
            ),
        }
        self.publish_copy(DEAD, delivery, receipt, headers, attempts);
    }

    /// Publishes the message to a retry queue, from which it comes back after a while: seconds at
    /// first, then every few minutes.
    pub(crate) fn retry_later(
        self: &Arc<Self>,
        delivery: Delivery,
        receipt: Receipt,
        why: &str,
        step: Option<&'static str>,
    ) {
        let attempts = earlier_attempts(&delivery) + 1;
        let at = usize::try_from(attempts - 1).unwrap_or(usize::MAX).min(RETRIES.len() - 1);
        let (queue, _) = RETRIES[at];
        metrics::counter!("ballet_failures_total", "then" => queue).increment(1);
        tracing::warn!(step, attempts, queue, "a message is tried again later: {why}");
        let why = Unacceptable::new(ballet_core::Reason::Failed, why).detail;
        let headers = vec![("x-retry-detail", why)];
        self.publish_copy(queue, delivery, receipt, headers, attempts);
    }

    fn publish_copy(
        self: &Arc<Self>,
        exchange: &'static str,
        delivery: Delivery,
        receipt: Receipt,
        headers: Vec<(&'static str, String)>,
        attempts: u32,
    ) {
        let engine = Arc::clone(self);
        let mut stopping = self.stopping.clone();
        tokio::spawn(async move {
            let copied = async {
                let Some(publisher) = engine.relay.publisher() else { return };
                let letter = copy(&engine, exchange, &delivery, &headers, attempts);
                fault::point(FaultPoint::BeforeCopy, exchange);
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
        if ["x-dead-", "x-attempts", "x-retry-"].iter().any(|ours| name.as_str().starts_with(ours))
        {
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
    let headers = delivery.properties.headers().as_ref();
    match headers.and_then(|headers| headers.inner().get("x-attempts")) {
        Some(AMQPValue::LongUInt(attempts)) => (*attempts).min(1_000_000),
        _ => 0,
    }
}

/// The original, body and properties whole, with more headers.
fn copy(
    engine: &Engine,
    exchange: &str,
    delivery: &Delivery,
    more: &[(&'static str, String)],
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
        text(&mut headers, name, value);
    }
    headers.insert("x-attempts".into(), AMQPValue::LongUInt(attempts));
    let mut properties = without_expiration_and_user(original);
    // What is derived from a message is written into every copy of it.
    if let Some(envelope) = envelope(engine, delivery) {
        properties = properties
            .with_type(envelope.event_type.name().into())
            .with_message_id(envelope.message_id.to_string().into());
        if let Some(saga) = envelope.saga_id {
            properties = properties.with_correlation_id(saga.to_string().into());
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
fn kept_headers(headers: Option<&FieldTable>) -> FieldTable {
    let mut kept = FieldTable::default();
    for (name, value) in headers.into_iter().flat_map(|headers| headers.inner()) {
        match name.as_str() {
            "CC" | "BCC" => {
                let name = format!("x-original-{}", name.as_str().to_lowercase());
                kept.insert(name.into(), value.clone());
            }
            "x-death" | "x-delivery-count" => {}
            other if other.starts_with("x-first-death") || other.starts_with("x-last-death") => {}
            _ => {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
    kept
}

fn text(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(name.into(), AMQPValue::LongString(value.into()));
}

/// What can be read of a message that may not be readable as a whole.
fn envelope(engine: &Engine, delivery: &Delivery) -> Option<Envelope> {
    let known = |name: &str| engine.registry.known(name).map(|known| known.event_type);
    let now = engine.context.now();
    Envelope::read(&wire::incoming(delivery), known, &engine.limits, now).ok()
}

fn without_expiration_and_user(properties: &BasicProperties) -> BasicProperties {
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
        content_encoding => with_content_encoding,
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
