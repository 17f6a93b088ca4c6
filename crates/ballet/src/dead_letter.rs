//! Dead letters: what cannot be handled is kept whole, with the reason, in the service's `.dead`
//! queue, which is the truth about what is dead.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::topology::DEAD;
use ballet_core::{Envelope, Unacceptable};
use jiff::Timestamp;

use crate::broker::{AMQPValue, Delivery, FieldTable, Publish};
use crate::consumer::Receipt;
use crate::engine::Engine;
use crate::{publisher::PublishError, wire};

/// How long one attempt to publish a dead letter may take.
const WITHIN: Duration = Duration::from_secs(30);

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
        tracing::error!(
            reason = why.reason.code(),
            routing_key = delivery.routing_key,
            step,
            attempts,
            "a message is set aside: {}",
            why.detail
        );
        metrics::counter!("ballet_dead_letters_total", "reason" => why.reason.code()).increment(1);
        let engine = Arc::clone(self);
        let mut stopping = self.stopping.clone();
        tokio::spawn(async move {
            let letter = dead_letter(&engine, &delivery, &why, step, attempts);
            tokio::select! {
                () = publish_until_confirmed(&engine, letter) => receipt.settle(),
                // Unacknowledged: the broker delivers it again.
                () = crate::engine::stopped(&mut stopping) => {}
            }
        });
    }
}

async fn publish_until_confirmed(engine: &Engine, letter: Publish) {
    let Some(publisher) = engine.relay.publisher() else { return };
    loop {
        match publisher.publish_now(letter.clone(), WITHIN).await {
            Ok(()) => return,
            Err(error @ PublishError::TimedOut { .. }) => {
                tracing::warn!("a dead letter waits for its confirm: {error}");
            }
            Err(error) => {
                tracing::error!("a dead letter cannot be published, its original stays: {error}");
                tokio::time::sleep(WITHIN).await;
            }
        }
    }
}

/// The original, body and properties whole, with the reason as headers.
fn dead_letter(
    engine: &Engine,
    delivery: &Delivery,
    why: &Unacceptable,
    step: Option<&str>,
    attempts: u32,
) -> Publish {
    let now = engine.context.now();
    let mut properties = delivery.properties.clone();
    let mut headers = properties.headers().clone().unwrap_or_default();
    // These would act on the copy: route it elsewhere, let it expire, or have it refused because
    // we are another user.
    for name in ["CC", "BCC"] {
        if let Some(value) = remove(&mut headers, name) {
            headers.insert(format!("x-original-{}", name.to_lowercase()).into(), value);
        }
    }
    if let Some(expiration) = properties.expiration().clone() {
        text(&mut headers, "x-original-expiration", expiration.as_str());
    }
    if let Some(user) = properties.user_id().clone() {
        text(&mut headers, "x-original-user-id", user.as_str());
    }
    properties = without_expiration_and_user(&properties);
    // What is derived from a message is written into every copy of it.
    if let Some(envelope) = envelope(engine, delivery, now) {
        properties = properties
            .with_type(envelope.event_type.name().into())
            .with_message_id(envelope.message_id.to_string().into());
        if let Some(saga) = envelope.saga_id {
            properties = properties.with_correlation_id(saga.to_string().into());
        }
    }
    text(&mut headers, "x-dead-reason", why.reason.code());
    text(&mut headers, "x-dead-detail", &why.detail);
    text(&mut headers, "x-dead-at", &now.to_string());
    text(&mut headers, "x-dead-service", engine.registry.service);
    text(&mut headers, "x-dead-exchange", &delivery.exchange);
    text(&mut headers, "x-dead-routing-key", &delivery.routing_key);
    if let Some(step) = step {
        text(&mut headers, "x-dead-step", step);
    }
    headers.insert("x-attempts".into(), AMQPValue::LongUInt(attempts));
    Publish {
        exchange: DEAD.to_owned(),
        routing_key: engine.registry.service.to_owned(),
        mandatory: true,
        properties: properties.with_headers(headers).with_delivery_mode(2),
        body: delivery.body.clone().into(),
    }
}

fn text(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(name.into(), AMQPValue::LongString(value.into()));
}

fn remove(headers: &mut FieldTable, name: &str) -> Option<AMQPValue> {
    let mut entries = headers.inner().clone();
    let value = entries.remove(name);
    *headers = FieldTable::from(entries);
    value
}

/// What can be read of a message that may not be readable as a whole.
fn envelope(engine: &Engine, delivery: &Delivery, now: Timestamp) -> Option<Envelope> {
    let known = |name: &str| engine.registry.known(name).map(|known| known.event_type);
    Envelope::read(&wire::incoming(delivery), known, &engine.limits, now).ok()
}

fn without_expiration_and_user(
    properties: &crate::broker::BasicProperties,
) -> crate::broker::BasicProperties {
    let mut kept = crate::broker::BasicProperties::default();
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
