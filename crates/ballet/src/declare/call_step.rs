//! Steps that ask somebody outside: a card processor, a carrier.
//!
//! A call never runs inside of a transaction. The request is stored with an idempotency key by the
//! transaction that takes in the trigger, made by a worker, and its answer is taken in by another
//! transaction. An answer that does not come is asked for again under the same key until it is
//! known, so an effect outside is never taken for something that did not happen.

use std::fmt;
use std::future::Future;

use ballet_core::{Event, Trigger};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::declare::failure::Failure;
use crate::declare::retry::Retry;
use crate::declare::step::{Compensated, Outcome};
use crate::declare::tx::Tx;

/// The key under which the other side tells repeated requests from new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub Uuid);

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whether there is somebody to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask<Request, Known> {
    /// Yes: make this call.
    Call(Request),
    /// No, the outcome is known already.
    Known(Known),
}

/// Ask outside.
///
/// # Errors
///
/// Never; it gives a `Result` so that it can stand at the end of `request`.
pub fn call<Request, Known>(request: Request) -> Result<Ask<Request, Known>, Failure> {
    Ok(Ask::Call(request))
}

/// The outcome is known without asking.
///
/// # Errors
///
/// Those of the given outcome.
pub fn known<Request, Known>(
    outcome: Result<Known, Failure>,
) -> Result<Ask<Request, Known>, Failure> {
    outcome.map(Ask::Known)
}

/// A step whose outcome somebody outside decides.
///
/// The three parts run in this order, each at most once for a saga but for `call`, which may be
/// made again under the same key: `request` in a transaction, `call` outside of any, `answered` in
/// a transaction of its own.
pub trait CallStep: Send + Sync + 'static {
    /// The step's name: verb and noun, `authorize_payment`.
    const NAME: &'static str;
    /// The event that triggers the step, or a tuple of events that it joins.
    type On: Trigger;
    /// The event that tells that the step is done.
    type Done: Event;
    /// The event that tells a business "no"; [`Never`](crate::Never) if there is none.
    type Refused: Event;
    /// How often it is tried again when its part in the database fails. The call itself is made
    /// again until it is answered.
    const RETRY: Retry = Retry::DEFAULT;
    /// What is asked; stored as JSON until the answer is known.
    type Request: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What the other side says; a "no" of theirs is an answer, not a failure.
    type Answer: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Tells the repetitions of a step in one saga apart, see [`Step::key`](crate::Step::key).
    #[must_use]
    fn key(_on: &Self::On) -> Option<String> {
        None
    }

    /// Says what to ask, given the trigger.
    fn request(
        &self,
        tx: &mut Tx<'_>,
        on: Self::On,
    ) -> impl Future<Output = RequestResult<Self>> + Send;

    /// Asks. A failure means that the outcome is unknown: it is asked again, later, under the same
    /// key. It must bear being made twice at once.
    fn call(
        &self,
        key: CallKey,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// Takes in the answer.
    fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: Self::Request,
        answer: Self::Answer,
    ) -> impl Future<Output = CallStepResult<Self>> + Send;
}

/// How a [`CallStep`] is undone, by asking outside once more.
pub trait CallCompensate: CallStep {
    /// The event that tells that the step is undone.
    type Compensated: Event;
    /// What is asked to undo it.
    type UndoRequest: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What the other side says. Finding that the effect has ended by itself is a success.
    type UndoAnswer: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Says what to ask to undo the step, given the very event that it emitted.
    fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        done: Self::Done,
    ) -> impl Future<Output = CompensateRequestResult<Self>> + Send;

    /// Asks. A failure means that the outcome is unknown, see [`CallStep::call`].
    fn compensate_call(
        &self,
        key: CallKey,
        request: &Self::UndoRequest,
    ) -> impl Future<Output = Result<Self::UndoAnswer, Failure>> + Send;

    /// Takes in the answer.
    fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        request: Self::UndoRequest,
        answer: Self::UndoAnswer,
    ) -> impl Future<Output = CallCompensateResult<Self>> + Send;
}

/// What [`CallStep::answered`] gives.
pub type CallStepResult<S> =
    Result<Outcome<<S as CallStep>::Done, <S as CallStep>::Refused>, Failure>;

/// What [`CallStep::request`] gives: [`call`] or [`known`].
pub type RequestResult<S> = Result<
    Ask<<S as CallStep>::Request, Outcome<<S as CallStep>::Done, <S as CallStep>::Refused>>,
    Failure,
>;

/// What [`CallCompensate::compensate_answered`] gives.
pub type CallCompensateResult<S> = Result<Compensated<<S as CallCompensate>::Compensated>, Failure>;

/// What [`CallCompensate::compensate_request`] gives: [`call`] or [`known`].
pub type CompensateRequestResult<S> = Result<
    Ask<<S as CallCompensate>::UndoRequest, Compensated<<S as CallCompensate>::Compensated>>,
    Failure,
>;
