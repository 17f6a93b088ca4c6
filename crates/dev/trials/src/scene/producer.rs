//! Publishes as a foreign producer with its own broker user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::Event;
use ballet::core::Role;
use ballet::core::topology::EVENTS;
use ballet_amqp::{
    BasicProperties, PERSISTENT, Publish, Publisher, PublisherHandle, PublisherSettings, RabbitMq,
};
use futures_util::future::try_join_all;
use serde::Serialize;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);
/// A producer waits for the confirm, whatever happens to the broker.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(24 * 60 * 60);

/// They end with this value.
#[derive(Debug, Default)]
pub(crate) struct Producers(Mutex<HashMap<&'static str, PublisherHandle>>);

impl Producers {
    /// Returns when the broker has confirmed it. The address has the producer's user.
    pub(crate) async fn publish(
        &self,
        producer: &'static str,
        amqp_url: &str,
        message: Publish,
    ) -> Result<()> {
        let publisher = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match all.get(producer) {
                Some(publisher) => publisher.clone(),
                None => {
                    all.entry(producer).or_insert(start(RabbitMq::new(amqp_url)?, producer)).clone()
                }
            }
        };
        Ok(publisher.publish_now(message, AS_LONG_AS_IT_TAKES).await?)
    }
}

/// Publishes messages in order over a connection of this name, and waits until the broker has confirmed them.
pub(crate) async fn publish_all(
    broker: RabbitMq,
    name: &str,
    messages: Vec<Publish>,
) -> Result<()> {
    let publisher = start(broker, name);
    let all = messages.into_iter().map(|message| publisher.publish_now(message, PATIENCE));
    let published = try_join_all(all).await;
    publisher.stop(Duration::ZERO).await;
    Ok(published.map(drop)?)
}

fn start(broker: RabbitMq, name: &str) -> PublisherHandle {
    Publisher::start(Arc::new(broker), PublisherSettings::new(name, "trial"), Arc::new(drop))
}

/// An event of a saga, as a foreign producer publishes it under a new id. One that begins the saga has the saga's id.
/// Returns the id, too.
pub(crate) fn produced<E: Event + Serialize>(
    producer: &str,
    saga: Uuid,
    new_id: Uuid,
    event: &E,
) -> Result<(Uuid, Publish)> {
    let (name, begins) = (E::TYPE.name(), E::TYPE.role() == Role::StartsSaga);
    let id = if begins { saga } else { new_id };
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_type(name.into())
        .with_message_id(id.to_string().into())
        .with_app_id(producer.into())
        .with_delivery_mode(PERSISTENT);
    let properties = match begins {
        true => properties,
        false => properties.with_correlation_id(saga.to_string().into()),
    };
    let message = Publish {
        exchange: EVENTS.to_owned(),
        routing_key: name.to_owned(),
        mandatory: true,
        properties,
        body: serde_json::to_vec(event).context("cannot write an event")?.into(),
    };
    Ok((id, message))
}
