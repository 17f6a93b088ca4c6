//! One dead letter in a service's `.dead` queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet_amqp::headers::{
    ATTEMPTS, DEAD_AT, DEAD_DETAIL, DEAD_EXCHANGE, DEAD_REASON, DEAD_ROUTING_KEY, DEAD_STEP,
    EDITED, REDRIVE_ID, REDRIVES, RETRIES, count_header, text_header,
};
use ballet_amqp::{BasicProperties, BrokerError, Delivery, Session, incoming};
use ballet_core::envelope::{Envelope, Incoming, Limits, Reason, is_blank};
use ballet_core::topology::{DEAD, EVENTS};
use ballet_core::{MessageId, id};
use jiff::Timestamp;
use uuid::Uuid;

use crate::note::Note;

/// A dead letter's id, time of death in nanoseconds, redrives, and the run of a tool that sent or edited it last.
pub(crate) type LetterIdentity = (u128, i128, u64, Option<Uuid>);

const FORGED_LETTER: &str = "forged_letter";

/// A message that a service could not handle, with the reason. Every part stays unchanged, since any may be the cause.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The service that could not handle it.
    pub service: String,
    /// The id under which the service knows the message.
    pub id: MessageId,
    /// The event's name, if the message has one.
    pub event_type: Option<String>,
    /// The saga, if the message names one.
    pub saga: Option<String>,
    /// The reason as a code.
    pub reason: String,
    /// The handler that failed.
    pub step: Option<String>,
    /// The reason in a sentence.
    pub detail: Option<String>,
    /// The time at which it became a dead letter.
    pub dead_at: Option<Timestamp>,
    /// The number of attempts since it was published, or redriven.
    pub attempts: u64,
    /// The number of redrives before.
    pub redrives: u64,
    /// The exchange that the message was published to.
    pub exchange: Option<String>,
    /// The routing key that it was published with.
    pub routing_key: Option<String>,
    /// All properties and headers.
    pub properties: BasicProperties,
    /// The body, unchanged.
    pub body: Vec<u8>,
    tag: u64,
    /// The session that holds it, through which it can be removed.
    holder: Option<Arc<dyn Session>>,
    /// The number of those that its message in the queue still bears.
    members: Arc<AtomicUsize>,
    /// Whether it is the first of its message.
    is_first: bool,
    /// The tool's run that sent it last.
    run_id: Option<Uuid>,
    is_unsendable: bool,
}

impl DeadLetter {
    pub(crate) fn read(service: &str, delivery: Delivery) -> Self {
        let text = |name: &str| text_header(&delivery.properties, name).map(str::to_owned);
        let (exchange, routing_key) = (text(DEAD_EXCHANGE), text(DEAD_ROUTING_KEY));
        let published_as = routing_key.as_deref().unwrap_or_default();
        let published = Incoming { routing_key: published_as, ..incoming(&delivery) };
        let (id, saga) = (id_of(&published), saga_of(&published));
        // Before RabbitMQ 4 the header `BCC`, which the broker removes, leads a letter to other queues, past the rights
        // on routing keys.
        let forger = (delivery.exchange == DEAD && delivery.routing_key != service)
            .then(|| delivery.routing_key.clone());
        let Delivery { tag, properties, body, .. } = delivery;
        let text = |name: &str| text_header(&properties, name).map(str::to_owned);
        let event_type = type_property(&properties)
            .or_else(|| routing_key.clone().filter(|_| exchange.as_deref() == Some(EVENTS)));
        let run_id = text(REDRIVE_ID).and_then(|id| id.parse().ok());
        let (reason, detail) = match forger {
            Some(forger) => (Some(FORGED_LETTER.to_owned()), Some(not_its_own(service, &forger))),
            None => (text(DEAD_REASON), text(DEAD_DETAIL)),
        };
        // After a redrive nobody would check that its publisher may publish its type.
        let is_unsendable = reason.as_deref().is_some_and(is_forged);
        Self {
            service: service.to_owned(),
            id,
            saga,
            reason: reason.unwrap_or_else(|| "unknown".to_owned()),
            step: text(DEAD_STEP),
            detail,
            dead_at: text(DEAD_AT).and_then(|at| at.parse().ok()),
            attempts: count_header(&properties, ATTEMPTS).into(),
            redrives: count_header(&properties, REDRIVES).into(),
            event_type,
            exchange,
            routing_key,
            properties,
            body,
            tag,
            holder: None,
            members: Arc::new(AtomicUsize::new(1)),
            is_first: true,
            run_id,
            is_unsendable,
        }
    }

    /// Makes one of a message that is not dead: the service has never received it.
    pub(crate) fn missed(service: &str, id: MessageId, delivery: Delivery) -> Self {
        let (exchange, key) = (delivery.exchange.clone(), delivery.routing_key.clone());
        // It has not died, and anybody may write headers about a death.
        let event_type = Some(type_property(&delivery.properties).unwrap_or_else(|| key.clone()));
        let read = Self::read(service, delivery);
        let (exchange, routing_key) = (Some(exchange), Some(key));
        let reason = "missed".to_owned();
        Self { id, event_type, exchange, routing_key, reason, is_unsendable: false, ..read }
    }

    /// Makes one of an event that no binding took. `fate` says what becomes of it if it is sent, or why it cannot be.
    pub(crate) fn unrouted(
        service: &str,
        delivery: Delivery,
        fate: impl FnOnce(&Self) -> Result<String, String>,
    ) -> Self {
        let event = Self::missed(service, message_id(&delivery), delivery);
        let fate = fate(&event);
        let is_unsendable = fate.is_err();
        let (Ok(detail) | Err(detail)) = fate;
        Self { reason: "unrouted".to_owned(), detail: Some(detail), is_unsendable, ..event }
    }

    /// Makes one of a message in a retry queue. It waits for another attempt of the service that its routing key names.
    pub(crate) fn waiting(_: &str, delivery: Delivery) -> Self {
        let id = message_id(&delivery);
        let service = delivery.routing_key.clone();
        // After another failure its identity differs: it has waited once more.
        let waits = count_header(&delivery.properties, RETRIES).into();
        let read = Self::read(&service, delivery);
        Self { id, redrives: waits, reason: "waits".to_owned(), ..read }
    }

    pub(crate) fn for_service(&self, service: &str) -> Self {
        let delivery = Delivery {
            tag: 0,
            redelivered: false,
            exchange: self.exchange.clone().unwrap_or_default(),
            routing_key: self.routing_key.clone().unwrap_or_default(),
            properties: self.properties.clone(),
            body: self.body.clone(),
        };
        Self::missed(service, self.id, delivery)
    }

    /// Makes one message's members of them.
    pub(crate) fn together(mut members: Vec<Self>) -> Vec<Self> {
        let count = Arc::new(AtomicUsize::new(members.len()));
        for (at, member) in members.iter_mut().enumerate() {
            (member.members, member.is_first) = (Arc::clone(&count), at == 0);
        }
        members
    }

    /// The number of messages in the queue, if it is counted with all members of its message.
    pub(crate) fn messages(&self) -> u64 {
        u64::from(self.is_first)
    }

    pub(crate) fn held_by(mut self, holder: Arc<dyn Session>) -> Self {
        self.holder = Some(holder);
        self
    }

    pub(crate) fn is_from(&self, run_id: &Uuid) -> bool {
        self.run_id.as_ref() == Some(run_id)
    }

    /// Returns why it cannot be sent to its service: it is forged (another service put it here, or its publisher may
    /// not publish its type), or no service consumes it.
    #[must_use]
    pub fn why_unsendable(&self) -> Option<String> {
        let detail = self.detail.as_deref().unwrap_or("its type is forged");
        self.is_unsendable.then(|| format!("{detail}; it is not sent back: discard it"))
    }

    /// Removes its message with the last of its members. Returns whether it is removed.
    pub(crate) async fn remove(&self) -> Result<bool, BrokerError> {
        let is_last = self.members.fetch_sub(1, Ordering::Relaxed) == 1;
        if let Some(holder) = self.holder.as_ref().filter(|_| is_last) {
            holder.ack(self.tag, false).await?;
        }
        Ok(is_last)
    }

    /// Returns the header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(&self.properties, name)
    }

    /// Returns the note of its last redrive or edit, from its headers, which any publisher can write.
    #[must_use]
    pub fn noted(&self, prefix: &str) -> Option<Note> {
        let header = |name: &str| self.header(&format!("{prefix}-{name}"));
        let (by, at) = header("by").zip(header("at").and_then(|at| at.parse().ok()))?;
        Some(Note { by: by.to_owned(), why: header("why").map(str::to_owned), at })
    }

    /// Returns the body as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// Whether it was edited since it died.
    #[must_use]
    pub fn is_edited(&self) -> bool {
        let edited_at = self.header(&format!("{EDITED}-at")).and_then(|at| at.parse().ok());
        edited_at.is_some_and(|at: Timestamp| self.dead_at.is_none_or(|died| died <= at))
    }

    /// Whether the service would refuse its id as older than this.
    pub(crate) fn id_is_before(&self, floor: Timestamp) -> bool {
        id::time_of(self.id.0).is_some_and(|made| made < floor)
    }

    /// Whether the inbox no longer remembers messages of this age.
    pub(crate) fn is_beyond_memory(&self, floor: Timestamp) -> bool {
        match id::time_of(self.id.0) {
            Some(made) => made < floor,
            // Other ids have no time, and the inbox keeps them from their receipt on.
            None => self.dead_at.is_some_and(|at| at < floor),
        }
    }

    /// Differs among dead letters of the same message, and before and after an edit.
    pub(crate) fn identity(&self) -> LetterIdentity {
        let at = self.dead_at.map_or(0, Timestamp::as_nanosecond);
        (self.id.0.as_u128(), at, self.redrives, self.run_id)
    }

    /// Returns its identity as text, for [`DeadLetterFilter::seen`](crate::redrive::DeadLetterFilter::seen).
    #[must_use]
    pub fn mark(&self) -> String {
        let (id, at, redrives, run) = self.identity();
        format!("{id:x}-{at}-{redrives}-{}", run.unwrap_or_default().simple())
    }
}

pub(crate) fn is_forged(reason: &str) -> bool {
    [FORGED_LETTER, Reason::ForgedType.code()].contains(&reason)
}

fn type_property(properties: &BasicProperties) -> Option<String> {
    properties.kind().as_ref().map(ToString::to_string).filter(|name| !is_blank(name))
}

fn not_its_own(service: &str, forger: &str) -> String {
    format!(
        "it was published to `dead` with the routing key {forger:?}: {service} did not set it aside"
    )
}

pub(crate) fn message_id(delivery: &Delivery) -> MessageId {
    id_of(&incoming(delivery))
}

fn id_of(message: &Incoming<'_>) -> MessageId {
    Envelope::message_id_of(message, &Limits::of_tools())
}

/// Returns the saga named by the property or the CloudEvent, spelled as services do.
pub(crate) fn saga_of(message: &Incoming<'_>) -> Option<String> {
    let named = Envelope::correlation_id_of(message, &Limits::of_tools())?;
    Some(Uuid::try_parse(&named).map_or_else(|_| named.into_owned(), |id| id.to_string()))
}
