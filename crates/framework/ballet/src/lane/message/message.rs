//! The work of a lane: messages and answers to calls, as they travel through the service.

use std::borrow::Cow;
use std::sync::Arc;

use ballet_amqp::{Delivery, Receipt, incoming};
use ballet_core::envelope::Limits;
use ballet_core::fault::WorksOn;
use ballet_core::{AnyEvent, Envelope, Incoming, Reason, ReceivedEvent, SagaId, Unacceptable};
use ballet_store::calls::key::CallKey;
use ballet_store::inbox::messages::NewMessage;
use ballet_store::ledger::event::EncodedEvent;
use bytes::Bytes;
use jiff::Timestamp;
use tracing::field::display;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Lineage;
use crate::engine::age::{id_is_old, is_old, too_old_to_begin};
use crate::engine::calls::open_calls::CallAnswer;
use crate::engine::registry::{HandledEvent, Registry};
use crate::lane::dead_letters::dead_letter::earlier_attempts;
use crate::lane::message::content;
use crate::lane::message::spans::MessageTrace;
use crate::outgoing::sampler::Sampler;

pub(crate) enum LaneWork {
    Message(Box<LaneMessage>),
    Answer(Box<CallAnswer>),
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MessageAge {
    /// Whether the ledger may have forgotten the saga.
    pub(crate) saga_is_old: bool,
    /// Whether the inbox may have forgotten the message.
    pub(crate) id_is_old: bool,
    /// Whether a table lacked a partition, so that what is remembered is looked up at any age.
    pub(crate) is_doubtful: bool,
    /// Whether the inbox keeps the message among those without a time in their id.
    pub(crate) is_apart: bool,
}

pub(crate) struct LaneMessage {
    pub(crate) envelope: Envelope,
    pub(crate) known: Arc<HandledEvent>,
    pub(crate) delivery: Delivery,
    pub(crate) receipt: Receipt,
    pub(crate) traced: MessageTrace,
    pub(crate) age: MessageAge,
    /// The hash of its type and of the event as JSON.
    pub(crate) content: i64,
    pub(crate) is_duplicate: bool,
    /// Whether what was handled before under its id was something else.
    pub(crate) reuses_id: bool,
    /// The event as JSON, where that is not the delivery's body as it came.
    body: Option<Vec<u8>>,
    /// The event for each handler; taken when it runs, and decoded again for another run.
    events: Vec<Option<AnyEvent>>,
}

impl LaneMessage {
    /// Reads a delivery. An unreadable one leaves before any transaction. Whether an id is ahead
    /// goes by the latest clock.
    pub(crate) fn read(
        registry: &Registry,
        limits: &Limits,
        (clock, latest): (&Clock, Timestamp),
        sampler: Sampler,
        delivery: Delivery,
        receipt: Receipt,
    ) -> Result<Self, Box<(Unacceptable, Delivery, Receipt)>> {
        let now = clock.now();
        let incoming = Incoming { reader: Some(registry.service), ..incoming(&delivery) };
        let read = Envelope::read(&incoming, &registry.events, limits, latest);
        let read = read.and_then(|ReceivedEvent { envelope, body }| {
            let name = envelope.event_type.name();
            let known = registry
                .known(name)
                .map(Arc::clone)
                .ok_or_else(|| Unacceptable::new(Reason::UnknownType, name.to_owned()))?;
            check_age(&known, &envelope, limits, now)?;
            let events = known.decode(&body)?;
            let content = content::hash(name, &body);
            let body = match body {
                Cow::Borrowed(body) if body.len() == delivery.body.len() => None,
                other => Some(other.into_owned()),
            };
            Ok((envelope, known, content, body, events))
        });
        match read {
            Ok((envelope, known, content, body, events)) => {
                let earlier = earlier_attempts(&delivery);
                let traced = MessageTrace::arrived(&envelope, earlier, clock, sampler, now);
                let age = MessageAge {
                    saga_is_old: envelope.saga_id.is_some_and(|saga| is_old(limits, saga, now)),
                    id_is_old: id_is_old(limits, envelope.message_id, now),
                    ..MessageAge::default()
                };
                Ok(Self {
                    envelope,
                    known,
                    delivery,
                    receipt,
                    traced,
                    age,
                    content,
                    is_duplicate: false,
                    reuses_id: false,
                    body,
                    events,
                })
            }
            Err(unacceptable) => Err(Box::new((unacceptable, delivery, receipt))),
        }
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or(&self.delivery.body)
    }

    pub(crate) fn event(&mut self, at: usize) -> Result<AnyEvent, Failure> {
        if let Some(event) = self.events.get_mut(at).and_then(Option::take) {
            return Ok(event);
        }
        match self.known.handlers.get(at) {
            Some(handler) => Ok(handler.decode(self.body())?),
            None => Err(Failure::permanent("a handler is gone")),
        }
    }

    /// Makes sure that the event for the handler at this place can be looked at.
    pub(crate) fn prepare(&mut self, at: usize) -> Result<(), Failure> {
        let event = self.event(at)?;
        if let Some(place) = self.events.get_mut(at) {
            *place = Some(event);
        }
        Ok(())
    }

    pub(crate) fn prepared(&self, at: usize) -> Option<&AnyEvent> {
        self.events.get(at)?.as_ref()
    }

    /// The span that the message's log lines share. Its level keeps it in every log that has lines.
    pub(crate) fn span(&self) -> tracing::Span {
        let Envelope { event_type, message_id, saga_id, .. } = &self.envelope;
        let saga = saga_id.map(display);
        let trace = self.traced.trace_id();
        tracing::error_span!(
            "message", r#type = event_type.name(), id = %message_id, saga,
            trace_id = %format_args!("{trace:032x}")
        )
    }

    /// When the message was made, if its id tells.
    pub(crate) fn made_at(&self) -> Option<Timestamp> {
        ballet_core::id::time_of(self.envelope.message_id.0)
    }

    /// The latest time at which it may have been made, if its id tells one. The id has its
    /// service's settled time, and the timestamp the latest of its clocks.
    pub(crate) fn made_at_latest(&self) -> Option<Timestamp> {
        let made = self.made_at()?;
        let seconds = self.delivery.properties.timestamp().and_then(|at| i64::try_from(at).ok());
        let told = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Some(told.map_or(made, |told| told.max(made)))
    }

    pub(crate) fn saga_id(&self) -> Result<SagaId, Failure> {
        self.envelope.saga_id.ok_or_else(|| {
            Failure::permanent(format!("{} came without a saga", self.envelope.event_type))
        })
    }

    pub(crate) fn encoded(&self) -> EncodedEvent {
        let body = Bytes::copy_from_slice(self.body());
        EncodedEvent { event_type: self.envelope.event_type, body }
    }

    /// Begins the run of a handler; what follows is related to both.
    pub(crate) fn begin_step(&mut self, clock: &Clock, now: Timestamp) -> Lineage {
        let cause = Some(self.envelope.message_id);
        Lineage { cause, trace: Some(self.traced.begin_step(clock, now)) }
    }

    /// The saga whose lock and ledger the message needs.
    pub(crate) fn saga(&self) -> Option<SagaId> {
        if self.known.works_on_saga() { self.envelope.saga_id } else { None }
    }
}

/// A saga does not begin so late that it could be forgotten before it ends.
fn check_age(
    known: &HandledEvent,
    envelope: &Envelope,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), Unacceptable> {
    let (Some(deadline), Some(saga_id)) = (known.begins, envelope.saga_id) else { return Ok(()) };
    match too_old_to_begin(limits, Some(deadline), saga_id, now) {
        Some(why) => Err(Unacceptable::new(Reason::SagaTooOld, why)),
        None => Ok(()),
    }
}

impl LaneWork {
    pub(crate) fn message(&self) -> Option<&LaneMessage> {
        match self {
            Self::Message(message) => Some(message),
            Self::Answer(_) => None,
        }
    }

    pub(crate) fn message_mut(&mut self) -> Option<&mut LaneMessage> {
        match self {
            Self::Message(message) => Some(message),
            Self::Answer(_) => None,
        }
    }

    pub(crate) fn in_inbox(&self) -> Option<NewMessage> {
        self.message().map(|message| NewMessage {
            id: message.envelope.message_id,
            apart: message.age.is_apart,
            content: message.content,
        })
    }

    pub(crate) fn call(&self) -> Option<CallKey> {
        match self {
            Self::Message(_) => None,
            Self::Answer(answer) => Some(answer.call.key),
        }
    }

    pub(crate) fn saga(&self) -> Option<SagaId> {
        match self {
            Self::Message(message) => message.saga(),
            Self::Answer(answer) => Some(answer.call.saga_id),
        }
    }

    pub(crate) fn span(&self) -> tracing::Span {
        match self {
            Self::Message(message) => message.span(),
            Self::Answer(answer) => answer.call.span(),
        }
    }

    pub(crate) fn compensates(&self) -> bool {
        self.message().is_some_and(|message| message.known.compensates())
    }
}

impl WorksOn for LaneWork {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Message(message) => vec![message.envelope.event_type.name().to_owned()],
            Self::Answer(answer) => answer.call.names(),
        }
    }
}
