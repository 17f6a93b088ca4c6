//! Steps that call an external system: a card processor, a carrier.
//!
//! A call never runs inside a transaction. The transaction that handles the trigger stores the
//! request with an idempotency key. A worker makes the call, and another transaction handles the
//! answer. A call without an answer is repeated under the same key until the answer is known, so an
//! external effect is never assumed not to have happened.

use std::future::Future;
use std::time::Duration;

use ballet_core::{Event, Trigger};
use ballet_store::calls::key::CallKey;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::declare::handler::failure::Failure;
use crate::declare::handler::tx::Tx;
use crate::declare::step::retry::Retry;
use crate::declare::step::step::{Compensated, Does, StepError, Undoes};

/// Whether a call is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask<Request, Known> {
    /// Make this call.
    Call(Request),
    /// No call is needed; the outcome is known.
    Known(Known),
}

/// Makes a call with this request.
///
/// # Errors
///
/// Never. It returns a `Result` so it can be the last expression of `request`.
pub fn call<Request, Known, E>(request: Request) -> Result<Ask<Request, Known>, E> {
    Ok(Ask::Call(request))
}

/// Returns what is known without a call: the event of a step that is done, or how its compensation ended. A refusal
/// that is known is [`refused`](crate::refused).
///
/// # Errors
///
/// Never. It returns a `Result` so it can be the last expression of `request`.
pub fn known<Request, Known, E>(known: Known) -> Result<Ask<Request, Known>, E> {
    Ok(Ask::Known(known))
}

/// What became of a call, as the other side says without being called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp<Answer> {
    /// It was done, or refused.
    Answered(Answer),
    /// Nothing was done, and nothing is under way.
    Nothing,
    /// The other side cannot be asked.
    Unable,
}

impl<Answer> From<Option<Answer>> for LookUp<Answer> {
    /// For a side that can be asked: `None` is [`LookUp::Nothing`].
    fn from(found: Option<Answer>) -> Self {
        found.map_or(Self::Nothing, Self::Answered)
    }
}

/// A step whose outcome an external system decides.
///
/// The three parts run in this order: `request` in a transaction, `call` outside of any
/// transaction, and `answered` in a transaction of its own. Each takes effect at most once per
/// saga, except that `call` may be repeated under the same key.
pub trait CallStep: Send + Sync + 'static {
    /// The step's name: verb and noun, `authorize_payment`.
    const NAME: &'static str;
    /// The event that triggers the step, or a tuple of events that it joins.
    type On: Trigger;
    /// The event that reports the step as done.
    type Done: Event;
    /// The event that reports a business "no"; [`Never`](crate::Never) if there is none.
    type Refused: Event;
    /// How often the step is retried when [`request`](Self::request) fails. The call itself is
    /// repeated until its answer is taken in.
    const RETRY: Retry = Retry::DEFAULT;
    /// How long one attempt at the call, or at the compensation's call, may take. After this the
    /// answer counts as unknown, and the call is made again. At most an hour.
    const CALL_TIME: Duration = Duration::from_secs(30);
    /// The request, stored as JSON until the answer is known.
    type Request: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The answer of the other side. A "no" is an answer, not a failure.
    type Answer: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Distinguishes the repetitions of a step in one saga. See [`Step::key`](crate::Step::key).
    #[must_use]
    fn key(_on: &<Self::On as Trigger>::Single) -> Option<String> {
        None
    }

    /// Creates the request, given the trigger.
    fn request(
        &self,
        tx: &mut Tx<'_>,
        on: Self::On,
    ) -> impl Future<Output = RequestResult<Self>> + Send;

    /// Makes the call. A failure means that the outcome is unknown, and the call is repeated later
    /// under the same key. [`Failure::not_yet`] says that the other side has no outcome yet, and
    /// [`Unit::ask_again`](crate::Unit::ask_again) makes the call again when there is a hint that it
    /// has. [`Failure::permanent`] says that the other side answers, and does not take this request: also that may
    /// be the fault of a bad day, so it decides nothing. The call is listed as stuck and made again, until it is
    /// answered, its saga is aborted, or a person says what became of it. A reason of the business that the other side
    /// names is a "no", and so an answer. Two calls with the same key may run at the same time.
    fn call(
        &self,
        key: CallKey,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// Asks what became of the call under this key, without making it. An answer that does not name the key says
    /// nothing: fail then. Asked before a call of an aborted saga is made after all, and when the other side may have
    /// forgotten the key. By default it is [`LookUp::Unable`].
    fn look_up(
        &self,
        _key: CallKey,
        _request: &Self::Request,
    ) -> impl Future<Output = Result<LookUp<Self::Answer>, Failure>> + Send {
        async { Ok(LookUp::Unable) }
    }

    /// How long the other side remembers a key; `None` if for as long as we may ask. A call, or a compensation's call,
    /// that is older is not made, because that could repeat its effect. A call is looked up then; a compensation's
    /// call is not. Without an answer, also if nothing is found, it is listed as stuck until a person says what became
    /// of it (`ballet sagas solved`). In a database that was restored a key is as old as the backup.
    fn keys_kept(&self) -> Option<Duration> {
        None
    }

    /// Handles the answer. If this fails, also with [`Failure::permanent`], the saga is listed as stuck, and the
    /// other side is asked again under the same key until it succeeds: after at most a minute, or at most five if the
    /// failure asks for that or the database was lost. If [`keys_kept`](Self::keys_kept) has passed, the call is looked
    /// up instead, and waits for a person if that finds nothing. There is no dead letter, because an answer counts.
    fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: Self::Request,
        answer: Self::Answer,
    ) -> impl Future<Output = CallStepResult<Self>> + Send;
}

/// Undoes a [`CallStep`] by another external call.
pub trait CallCompensate: CallStep {
    /// The event that reports the step as undone.
    type Compensated: Event;
    /// The request that undoes the step.
    type UndoRequest: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The answer of the other side. It is a success if the effect has already ended by itself.
    type UndoAnswer: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Creates the request that undoes the step, given the event that the step emitted.
    fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        done: Self::Done,
    ) -> impl Future<Output = CompensateRequestResult<Self>> + Send;

    /// Makes the call. A failure means that the outcome is unknown. See [`CallStep::call`].
    fn compensate_call(
        &self,
        key: CallKey,
        request: &Self::UndoRequest,
    ) -> impl Future<Output = Result<Self::UndoAnswer, Failure>> + Send;

    /// Handles the answer.
    fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        request: Self::UndoRequest,
        answer: Self::UndoAnswer,
    ) -> impl Future<Output = CallCompensateResult<Self>> + Send;
}

/// The result of [`CallStep::answered`].
pub type CallStepResult<S> = Does<<S as CallStep>::Done, <S as CallStep>::Refused>;

/// The result of [`CallStep::request`]: [`call`], [`known`] or [`refused`](crate::refused).
pub type RequestResult<S> = Result<
    Ask<<S as CallStep>::Request, <S as CallStep>::Done>,
    StepError<<S as CallStep>::Refused>,
>;

/// The result of [`CallCompensate::compensate_answered`].
pub type CallCompensateResult<S> = Undoes<<S as CallCompensate>::Compensated>;

/// The result of [`CallCompensate::compensate_request`]: [`call`] or [`known`].
pub type CompensateRequestResult<S> = Result<
    Ask<<S as CallCompensate>::UndoRequest, Compensated<<S as CallCompensate>::Compensated>>,
    Failure,
>;
