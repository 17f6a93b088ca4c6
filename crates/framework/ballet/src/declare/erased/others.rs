//! Owners, causes of aborts, keyed compensations and projections without their types.

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

type Decode = fn(&[u8]) -> Result<AnyEvent, serde_json::Error>;

pub(crate) trait AnyOwner: Send + Sync {
    fn abort<'a>(&'a self, tx: Tx<'a>, abort_event: &'a [u8]) -> Future<'a, ()>;
}

impl<O: Owner> AnyOwner for O {
    fn abort<'a>(&'a self, mut tx: Tx<'a>, abort_event: &'a [u8]) -> Future<'a, ()> {
        Box::pin(async move {
            let abort_event: <O::Saga as Saga>::Abort = ballet_core::json::from_slice(abort_event)
                .map_err(|error| {
                    Failure::permanent(format!("the stored abort event cannot be decoded: {error}"))
                })?;
            Owner::abort(self, &mut tx, &abort_event).await
        })
    }
}

/// A refusal, or a passed deadline, that the owner turns into the abort.
pub(crate) struct AbortCause {
    pub(crate) handler: &'static str,
    pub(crate) event_type: EventType,
    pub(crate) decode: Decode,
    pub(crate) abort_event: Box<dyn Fn(AnyEvent) -> Result<EncodedEvent, Failure> + Send + Sync>,
}

impl AbortCause {
    pub(crate) fn new<E: Event, A: Event>(
        handler: &'static str,
        abort_event: impl Fn(E) -> A + Send + Sync + 'static,
    ) -> Self {
        let abort_event = move |cause| {
            let cause = assemble::<E>(E::TYPE.name(), vec![cause])?;
            encoded(&abort_event(cause))
        };
        Self {
            handler,
            event_type: E::TYPE,
            decode: |body| E::decode(0, body),
            abort_event: Box::new(abort_event),
        }
    }
}

/// A compensation of one repetition of a step, triggered by an event.
pub(crate) struct KeyedCompensation {
    pub(crate) step: &'static str,
    pub(crate) event_type: EventType,
    pub(crate) decode: Decode,
    pub(crate) key: Box<dyn Fn(AnyEvent) -> Result<String, Failure> + Send + Sync>,
}

impl KeyedCompensation {
    pub(crate) fn new<E: Event>(step: &'static str, key: fn(&E) -> String) -> Self {
        let key = move |event| storable_key(step, key(&assemble::<E>(step, vec![event])?));
        let decode = |body: &[u8]| E::decode(0, body);
        Self { step, event_type: E::TYPE, decode, key: Box::new(key) }
    }
}

pub(crate) trait AnyProjection: Send + Sync {
    fn name(&self) -> &'static str;
    fn event_type(&self) -> EventType;
    fn retry(&self) -> Retry;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    fn apply<'a>(&'a self, tx: Tx<'a>, event: AnyEvent) -> Future<'a, ()>;
}

impl<P: Projection> AnyProjection for P {
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
        Box::pin(async move {
            let event = assemble::<P::On>(P::NAME, vec![event])?;
            Projection::apply(self, &mut tx, event).await
        })
    }
}
