//! Steps, owners and projections without their types, as the machine handles them: events and
//! requests go in and out as JSON.

use std::marker::PhantomData;
use std::sync::Arc;

use ballet_core::{AnyEvent, Event, EventType, Saga, StepPart, Trigger};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::erased_bulk::AnyBulk;
use crate::tx::Encoded;
use crate::{
    CallKey, Compensate, Failure, Item, Outcome, Owner, Projection, Retry, Rows, Step, Tx, Undone,
};

/// How a step ended, or that it waits for an answer from outside.
#[derive(Debug)]
pub(crate) enum AnyOutcome {
    Done(Encoded),
    Refused(Encoded),
    Call(String),
}

/// How a compensation ended, or that it waits for an answer from outside.
#[derive(Debug)]
pub(crate) enum AnyUndone {
    With(Encoded),
    Silently,
    Call(String),
}

pub(crate) type Future<'a, T> = BoxFuture<'a, Result<T, Failure>>;

pub(crate) trait AnyStep: Send + Sync {
    fn part(&self) -> &StepPart;
    fn retry(&self) -> Retry;
    fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    /// The key of the repetition that an event triggers; empty if there is none.
    fn key(&self, event: &AnyEvent) -> String;
    fn run<'a>(&'a self, tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome>;
    fn undo<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyUndone>;
    /// Asks outside, for the step or for its undo.
    fn call<'a>(&'a self, _undo: bool, _: CallKey, _request: &'a str) -> Future<'a, String> {
        calls_nobody(self.part().name)
    }
    fn answered<'a>(
        &'a self,
        _: Tx<'a>,
        _request: &'a str,
        _answer: &'a str,
    ) -> Future<'a, AnyOutcome> {
        calls_nobody(self.part().name)
    }
    fn undo_answered<'a>(
        &'a self,
        _: Tx<'a>,
        _request: &'a str,
        _answer: &'a str,
    ) -> Future<'a, AnyUndone> {
        calls_nobody(self.part().name)
    }
    /// Names the rows that the step will touch, given triggers of it.
    fn touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        no_rows()
    }
    /// Names the rows that its compensation will touch, given stored outcomes.
    fn undo_touches<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _done: Vec<Item<String>>,
    ) -> Future<'a, Rows> {
        no_rows()
    }
    /// The step as one that takes runs, if it is one.
    fn bulk(&self) -> Option<&dyn AnyBulk> {
        None
    }
}

/// A step in the builder's hands.
pub struct ErasedStep(pub(crate) Arc<dyn AnyStep>);

impl std::fmt::Debug for ErasedStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ErasedStep").field(self.0.part()).finish()
    }
}

pub(crate) type Undo<S> = for<'a> fn(&'a S, Tx<'a>, &'a str) -> Future<'a, AnyUndone>;
/// Names the rows that undoing will touch, given the stored outcomes.
pub(crate) type UndoTouches =
    for<'a> fn(&'a mut PgConnection, Vec<Item<String>>) -> Future<'a, Rows>;

/// A [`Step`], with its compensation if it has one.
pub(crate) struct LocalStep<S> {
    pub(crate) step: S,
    pub(crate) part: StepPart,
    pub(crate) undo: Option<LocalUndo<S>>,
}

/// How a [`Step`] is undone.
pub(crate) struct LocalUndo<S> {
    undo: Undo<S>,
    touches: UndoTouches,
}

impl<S: Compensate> LocalUndo<S> {
    pub(crate) fn of() -> Self {
        Self {
            undo: |step, mut tx, done| {
                Box::pin(async move {
                    let done = decode_stored::<S::Done>(S::NAME, "outcome", done)?;
                    encode_undone(step.compensate(&mut tx, done).await?)
                })
            },
            touches: |db, done| {
                Box::pin(async move {
                    let done = decode_all::<S::Done>(S::NAME, done)?;
                    S::undo_touches(db, &done).await
                })
            },
        }
    }
}

impl<S: Step> AnyStep for LocalStep<S> {
    fn part(&self) -> &StepPart {
        &self.part
    }

    fn retry(&self) -> Retry {
        S::RETRY
    }

    fn decode(&self, place: usize, body: &[u8]) -> Result<AnyEvent, serde_json::Error> {
        S::On::decode(place, body)
    }

    fn key(&self, event: &AnyEvent) -> String {
        event.downcast_ref::<S::On>().and_then(S::key).unwrap_or_default()
    }

    fn run<'a>(&'a self, mut tx: Tx<'a>, events: Vec<AnyEvent>) -> Future<'a, AnyOutcome> {
        Box::pin(async move {
            let on = assemble::<S::On>(S::NAME, events)?;
            encode_outcome(self.step.run(&mut tx, on).await?)
        })
    }

    fn undo<'a>(&'a self, tx: Tx<'a>, done: &'a str) -> Future<'a, AnyUndone> {
        match &self.undo {
            Some(undo) => (undo.undo)(&self.step, tx, done),
            None => no_compensation(S::NAME),
        }
    }

    fn touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        on: Vec<Item<&'a AnyEvent>>,
    ) -> Future<'a, Rows> {
        let on: Vec<Item<&S::On>> = on.iter().filter_map(Item::downcast).collect();
        Box::pin(async move { S::touches(db, &on).await })
    }

    fn undo_touches<'a>(
        &'a self,
        db: &'a mut PgConnection,
        done: Vec<Item<String>>,
    ) -> Future<'a, Rows> {
        match &self.undo {
            Some(undo) => (undo.touches)(db, done),
            None => no_rows(),
        }
    }
}

/// An owner without its type.
pub(crate) trait AnyOwner: Send + Sync {
    fn abort<'a>(&'a self, tx: Tx<'a>, fact: &'a [u8]) -> Future<'a, ()>;
}

pub(crate) struct TypedOwner<O>(pub(crate) O);

impl<O: Owner> AnyOwner for TypedOwner<O> {
    fn abort<'a>(&'a self, mut tx: Tx<'a>, fact: &'a [u8]) -> Future<'a, ()> {
        Box::pin(async move {
            let fact: <O::Saga as Saga>::Abort = serde_json::from_slice(fact).map_err(|error| {
                Failure::permanent(format!("the abort cannot be read back: {error}"))
            })?;
            self.0.abort(&mut tx, &fact).await
        })
    }
}

/// A refusal, or a passed deadline, that the owner turns into the abort.
pub(crate) trait AnyRefusal: Send + Sync {
    fn event_type(&self) -> EventType;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    fn fact(&self, refusal: AnyEvent) -> Result<Encoded, Failure>;
}

pub(crate) struct TypedRefusal<E, F> {
    pub(crate) fact: F,
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

    fn fact(&self, refusal: AnyEvent) -> Result<Encoded, Failure> {
        Encoded::of(&(self.fact)(assemble::<E>(E::TYPE.name(), vec![refusal])?))
    }
}

/// An event that undoes one repetition of a step.
pub(crate) trait AnyKeyedUndo: Send + Sync {
    fn event_type(&self) -> EventType;
    fn step(&self) -> &'static str;
    fn decode(&self, body: &[u8]) -> Result<AnyEvent, serde_json::Error>;
    fn key(&self, event: AnyEvent) -> Result<String, Failure>;
}

pub(crate) struct KeyedUndo<E> {
    step: &'static str,
    key: fn(&E) -> String,
}

impl<E> KeyedUndo<E> {
    pub(crate) const fn new(step: &'static str, key: fn(&E) -> String) -> Self {
        Self { step, key }
    }
}

impl<E: Event> AnyKeyedUndo for KeyedUndo<E> {
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
        Ok((self.key)(&assemble::<E>(self.step, vec![event])?))
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

pub(crate) fn assemble<T: Trigger>(name: &str, events: Vec<AnyEvent>) -> Result<T, Failure> {
    T::assemble(events).ok_or_else(|| {
        Failure::permanent(format!("{name} was given other events than it declares"))
    })
}

pub(crate) fn encode_json<T: Serialize>(name: &str, value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| {
        Failure::permanent(format!("a request or answer of {name} cannot be stored: {error}"))
    })
}

pub(crate) fn decode_stored<T: DeserializeOwned>(
    name: &str,
    what: &str,
    text: &str,
) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::permanent(format!("the stored {what} of {name} cannot be read: {error}"))
    })
}

/// Decodes stored outcomes.
pub(crate) fn decode_all<D: Event>(
    name: &str,
    done: Vec<Item<String>>,
) -> Result<Vec<Item<D>>, Failure> {
    let decode = |text: String| decode_stored(name, "outcome", &text);
    done.into_iter().map(|done| done.try_map(decode)).collect()
}

pub(crate) fn encode_outcome<D: Event, R: Event>(
    outcome: Outcome<D, R>,
) -> Result<AnyOutcome, Failure> {
    Ok(match outcome {
        Outcome::Done(event) => AnyOutcome::Done(Encoded::of(&event)?),
        Outcome::Refused(event) => AnyOutcome::Refused(Encoded::of(&event)?),
    })
}

pub(crate) fn encode_undone<U: Event>(undone: Undone<U>) -> Result<AnyUndone, Failure> {
    Ok(match undone {
        Undone::With(event) => AnyUndone::With(Encoded::of(&event)?),
        Undone::Silently => AnyUndone::Silently,
    })
}

fn calls_nobody<'a, T: Send + 'a>(name: &'static str) -> Future<'a, T> {
    Box::pin(async move {
        Err(Failure::permanent(format!("{name} is declared without a call to the outside")))
    })
}

pub(crate) fn no_rows<'a>() -> Future<'a, Rows> {
    Box::pin(async { Ok(Rows::none()) })
}

pub(crate) fn no_compensation<'a, T: Send + 'a>(name: &'static str) -> Future<'a, T> {
    Box::pin(async move {
        Err(Failure::permanent(format!("{name} is declared without a compensation")))
    })
}
