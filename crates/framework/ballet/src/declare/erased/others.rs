//! Owners, refusals, keyed compensations and projections without their types.

use std::marker::PhantomData;

use ballet_core::{AnyEvent, Event, EventType, Saga, Trigger};
use ballet_store::ledger::event::EncodedEvent;

use crate::declare::erased::codec::{assemble, storable_key};
use crate::declare::erased::outcome::Future;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::json::encoded;
use crate::declare::handler::tx::Tx;
use crate::declare::step::owner::Owner;
use crate::declare::step::projection::Projection;
use crate::declare::step::retry::Retry;

/// An owner without its type.
pub(crate) trait AnyOwner: Send + Sync {
    fn abort<'a>(&'a self, tx: Tx<'a>, abort_event: &'a [u8]) -> Future<'a, ()>;
}

pub(crate) struct TypedOwner<O>(pub(crate) O);

impl<O: Owner> AnyOwner for TypedOwner<O> {
    fn abort<'a>(&'a self, mut tx: Tx<'a>, abort_event: &'a [u8]) -> Future<'a, ()> {
        Box::pin(async move {
            let abort_event: <O::Saga as Saga>::Abort = ballet_core::json::from_slice(abort_event)
                .map_err(|error| {
                    Failure::permanent(format!("the stored abort event cannot be decoded: {error}"))
                })?;
            self.0.abort(&mut tx, &abort_event).await
        })
    }
}

/// A refusal, or a passed deadline, that the owner turns into the abort.
pub(crate) trait AnyRefusal: Send + Sync {
    fn event_type(&self) -> EventType;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    fn abort_event(&self, refusal: AnyEvent) -> Result<EncodedEvent, Failure>;
}

pub(crate) struct TypedRefusal<E, F> {
    pub(crate) abort_event: F,
    pub(crate) event: PhantomData<fn(E)>,
}

impl<E, A, F> AnyRefusal for TypedRefusal<E, F>
where
    E: Event,
    A: Event,
    F: Fn(E) -> A + Send + Sync,
{
    fn event_type(&self) -> EventType {
        E::TYPE
    }

    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        E::decode(0, body)
    }

    fn abort_event(&self, refusal: AnyEvent) -> Result<EncodedEvent, Failure> {
        encoded(&(self.abort_event)(assemble::<E>(E::TYPE.name(), vec![refusal])?))
    }
}

/// A compensation of one repetition of a step, triggered by an event.
pub(crate) trait AnyKeyedCompensation: Send + Sync {
    fn event_type(&self) -> EventType;
    fn step(&self) -> &'static str;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    fn key(&self, event: AnyEvent) -> Result<String, Failure>;
}

pub(crate) struct KeyedCompensation<E> {
    step: &'static str,
    key: fn(&E) -> String,
}

impl<E> KeyedCompensation<E> {
    pub(crate) const fn new(step: &'static str, key: fn(&E) -> String) -> Self {
        Self { step, key }
    }
}

impl<E: Event> AnyKeyedCompensation for KeyedCompensation<E> {
    fn event_type(&self) -> EventType {
        E::TYPE
    }

    fn step(&self) -> &'static str {
        self.step
    }

    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        E::decode(0, body)
    }

    fn key(&self, event: AnyEvent) -> Result<String, Failure> {
        let event = assemble::<E>(self.step, vec![event])?;
        storable_key(self.step, (self.key)(&event))
    }
}

/// A projection without its type.
pub(crate) trait AnyProjection: Send + Sync {
    fn name(&self) -> &'static str;
    fn event_type(&self) -> EventType;
    fn retry(&self) -> Retry;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    fn apply<'a>(&'a self, tx: Tx<'a>, event: AnyEvent) -> Future<'a, ()>;
}

pub(crate) struct TypedProjection<P>(pub(crate) P);

impl<P: Projection> AnyProjection for TypedProjection<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn event_type(&self) -> EventType {
        P::On::TYPE
    }

    fn retry(&self) -> Retry {
        P::RETRY
    }

    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        P::On::decode(0, body)
    }

    fn apply<'a>(&'a self, mut tx: Tx<'a>, event: AnyEvent) -> Future<'a, ()> {
        Box::pin(
            async move { self.0.apply(&mut tx, assemble::<P::On>(P::NAME, vec![event])?).await },
        )
    }
}
