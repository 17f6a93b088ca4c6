//! A foreign producer: a publisher outside the system with its own broker user.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::Event;
use ballet::core::Role;
use ballet::core::topology::EVENTS;
use ballet_amqp::{
    BasicProperties, Broker, Confirms, PERSISTENT, Publish, PublishOutcome, RabbitMq, Session,
};
use futures_util::StreamExt;
use serde::Serialize;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);

/// Publishes as a foreign producer that the system declares.
pub(crate) struct Producer {
    session: Arc<dyn Session>,
    confirms: Confirms,
    /// The ids of messages by their numbers, until the broker confirms them.
    open: HashMap<u64, String>,
}

impl Producer {
    /// Connects to the broker. The address contains the producer's user.
    pub(crate) async fn at(broker: &RabbitMq, name: &str) -> Result<Self> {
        let session = broker.connect(name).await?;
        let confirms = session.confirms().await?;
        Ok(Self { session, confirms, open: HashMap::new() })
    }

    pub(crate) fn publish(&mut self, message: &Publish) -> Result<()> {
        let number = self.session.publish(message.clone())?;
        let id = message.properties.message_id().as_ref().map(ToString::to_string);
        self.open.insert(number, id.unwrap_or_default());
        Ok(())
    }

    /// Waits until the broker has confirmed everything.
    pub(crate) async fn confirmed(&mut self) -> Result<()> {
        while !self.open.is_empty() {
            let next = tokio::time::timeout(PATIENCE, self.confirms.next()).await;
            let answers = next
                .with_context(|| format!("the broker confirmed nothing for {PATIENCE:?}"))?
                .context("the broker closed the connection")??;
            for answer in answers {
                let id = self.open.remove(&answer.number);
                match (id, answer.outcome) {
                    (_, PublishOutcome::Ack) | (None, _) => {}
                    (Some(id), PublishOutcome::Nack) => bail!("the broker refused message {id}"),
                    (Some(id), PublishOutcome::Returned { code, text }) => {
                        bail!("the broker returned message {id}: {code} {text}")
                    }
                }
            }
        }
        Ok(())
    }

    /// Closes the connection.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("open", &self.open).finish_non_exhaustive()
    }
}

/// Publishes messages over a connection of this name, and waits until the broker has confirmed them.
pub(crate) async fn publish_all(broker: &RabbitMq, name: &str, messages: &[Publish]) -> Result<()> {
    let mut producer = Producer::at(broker, name).await?;
    for message in messages {
        producer.publish(message)?;
    }
    producer.confirmed().await?;
    producer.close().await;
    Ok(())
}

/// A message on its way to the broker.
#[derive(Debug)]
pub(crate) struct ProducerMessage {
    pub(crate) id: Uuid,
    pub(crate) message: Publish,
}

impl ProducerMessage {
    /// An event of a saga, as a foreign producer publishes it under a new id. One that begins the saga has
    /// the saga's id.
    pub(crate) fn new<E: Event + Serialize>(
        producer: &str,
        saga: Uuid,
        new_id: Uuid,
        event: &E,
    ) -> Result<Self> {
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
        Ok(Self { id, message })
    }
}
