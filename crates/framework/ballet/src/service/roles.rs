//! Starts the two roles at the broker: publisher and consumer.

use std::sync::Arc;

use ballet_amqp::{
    Broker, Consumer, ConsumerHandle, ConsumerSettings, ExpectedObjects, Publisher,
    PublisherHandle, PublisherSettings,
};
use ballet_core::topology::{DEAD, EVENTS, TELEMETRY, dead_queue};
use ballet_core::{Part, TelemetryType};

use crate::engine::engine::Engine;
use crate::lane::intake::Lanes;
use crate::service::metrics::PUBLISH_TELEMETRY;

pub(super) fn publish(engine: &Arc<Engine>, broker: Arc<dyn Broker>) -> PublisherHandle {
    let service = engine.registry.service;
    let mut settings = PublisherSettings::new(service, engine.relay.process.to_string());
    settings.expected = ExpectedObjects::new().exchange(EVENTS);
    settings.keys = engine.registry.emitted().map(|event| event.name().to_owned()).collect();
    let relay = Arc::downgrade(&engine.relay);
    let publisher = Publisher::start(
        broker,
        settings,
        Arc::new(move |published| {
            if let Some(relay) = relay.upgrade() {
                relay.published(published);
            }
        }),
    );
    engine.relay.connect(publisher.clone());
    publisher
}

/// The publisher of telemetry, if the service declares any. It has a connection of its own, so that a flood does
/// not delay events.
pub(super) fn publish_telemetry(
    engine: &Engine,
    part: &Part,
    broker: Arc<dyn Broker>,
) -> Option<PublisherHandle> {
    if part.telemetry.is_empty() {
        return None;
    }
    let instance = format!("{} telemetry", engine.relay.process);
    let mut settings = PublisherSettings::new(part.service, instance);
    settings.role = PUBLISH_TELEMETRY;
    settings.expected = ExpectedObjects::new().exchange(TELEMETRY);
    let keys = |one: TelemetryType| (0..one.partition_count()).map(move |n| one.routing_key(n));
    settings.keys = part.telemetry.iter().copied().flat_map(keys).collect();
    Some(Publisher::start(broker, settings, Arc::new(|_| {})))
}

pub(super) fn consume(
    engine: &Arc<Engine>,
    lanes: Lanes,
    broker: Arc<dyn Broker>,
    prefetch: u16,
) -> ConsumerHandle {
    let service = engine.registry.service;
    let mut settings = ConsumerSettings::new(service, engine.relay.process.to_string());
    settings.expected = ExpectedObjects::new().exchange(DEAD).queue(dead_queue(service));
    settings.prefetch = prefetch;
    settings.watched = vec![service.to_owned(), dead_queue(service)];
    let engine = Arc::clone(engine);
    Consumer::start(broker, settings, Arc::new(move |arrival| lanes.dispatch(&engine, arrival)))
}
