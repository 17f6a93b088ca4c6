//! What is sent to the participant.

use ballet::Clock;
use ballet::core::EventType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::participant::rig::world::{World, Wrong, said};

impl World<'_> {
    /// The id of a new saga, or of a new message.
    pub(crate) fn new_id() -> Uuid {
        let clock = Clock::system();
        clock.new_id(clock.now())
    }

    /// Triggers the step of a saga; the messages' ids.
    pub(crate) async fn trigger(&mut self, saga: Uuid) -> Result<Vec<Uuid>, Wrong> {
        let ids: Vec<Uuid> = self.types.triggers.iter().map(|_| Self::new_id()).collect();
        self.trigger_as(saga, &ids).await.map(|()| ids)
    }

    /// The same under given message ids.
    pub(crate) async fn trigger_as(&mut self, saga: Uuid, ids: &[Uuid]) -> Result<(), Wrong> {
        for (event, id) in self.types.triggers.clone().into_iter().zip(ids) {
            let body = self.contract.body(event, saga);
            self.send(event, saga, *id, &body).await?;
        }
        Ok(())
    }

    /// Triggers the step so that it refuses, under given message ids or new ones.
    pub(crate) async fn trigger_refused(
        &mut self,
        saga: Uuid,
        ids: Option<&[Uuid]>,
    ) -> Result<Vec<Uuid>, Wrong> {
        let events = self.types.triggers.clone();
        let ids =
            ids.map_or_else(|| events.iter().map(|_| Self::new_id()).collect(), <[_]>::to_vec);
        let last = events.len() - 1;
        if let Some(company) = &self.provider {
            company.refuse(saga);
        }
        for (at, (event, id)) in events.into_iter().zip(&ids).enumerate() {
            let refused = self.contract.refused_by(saga).filter(|_| at == last);
            let body = refused.unwrap_or_else(|| self.contract.body(event, saga));
            self.send(event, saga, *id, &body).await?;
        }
        Ok(ids)
    }

    /// The event that triggers the step; of a join, the first.
    pub(crate) fn trigger_type(&self) -> EventType {
        self.types.triggers[0]
    }

    /// Publishes one event of a saga.
    pub(crate) async fn send_event(&mut self, event: EventType, saga: Uuid) -> Result<(), Wrong> {
        let body = self.contract.body(event, saga);
        self.send(event, saga, Self::new_id(), &body).await
    }

    /// Aborts a saga; the message's id.
    pub(crate) async fn abort(&mut self, saga: Uuid) -> Result<Uuid, Wrong> {
        let id = Self::new_id();
        self.abort_as(saga, id).await.map(|()| id)
    }

    /// The same under a given message id.
    pub(crate) async fn abort_as(&mut self, saga: Uuid, id: Uuid) -> Result<(), Wrong> {
        let abort = self.types.abort;
        let body = self.contract.body(abort, saga);
        self.send(abort, saga, id, &body).await
    }

    /// Publishes an event as the service does that it is named after.
    pub(crate) async fn send(
        &mut self,
        event: EventType,
        saga: Uuid,
        id: Uuid,
        body: &Value,
    ) -> Result<(), Wrong> {
        self.sent.entry(saga).or_default().push(id);
        let (properties, body) = (properties(event, saga, id), body.to_string());
        // An answer that is lost costs a copy, which does no harm.
        self.until("the broker to take a message", || async {
            self.publish("events", event.name(), &properties, &body).await.map(Some)
        })
        .await
    }

    /// Publishes any message.
    pub(crate) async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: &Value,
        body: impl AsRef<[u8]>,
    ) -> Result<(), Wrong> {
        let routed = self.env.management().publish(exchange, routing_key, properties, body).await;
        if routed.map_err(said)? { Ok(()) } else { Err(format!("nobody gets {routing_key}")) }
    }
}

/// The properties with which an event of a saga is published.
pub(crate) fn properties(event: EventType, saga: Uuid, id: Uuid) -> Value {
    let trace = format!("00-{}-00f067aa0ba902b7-01", saga.simple());
    json!({
        "message_id": id, "type": event.name(), "correlation_id": saga, "app_id": event.service(),
        "content_type": "application/json", "delivery_mode": 2,
        "timestamp": Clock::system().now().as_second(),
        "headers": { "causation_id": World::new_id(), "traceparent": trace },
    })
}
