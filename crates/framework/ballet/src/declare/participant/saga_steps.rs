//! The steps of a service in one saga, as the participant declares them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ballet_core::own_handlers::{ABORT_ON_DEADLINE, ABORT_ON_REFUSAL};
use ballet_core::{DeadlinePart, Event, EventSchema, Saga, StepKind, StepPart, Versions};
use jiff::SignedDuration;

use crate::declare::erased::others::{AbortCause, KeyedCompensation};
use crate::declare::erased::step::ErasedStep;
use crate::declare::erased::watch::watching;
use crate::declare::handler::json::encoded;
use crate::declare::participant::deadline::{Deadline, Due};
use crate::declare::participant::declarable::{Compensatable, Decides, Retriable, Starts};
use crate::declare::participant::saga_entry::SagaEntry;
use crate::declare::step::watch::Watch;

/// Collects a service's steps of one saga, which another service owns, or this one ([`OwnerSteps`]).
pub struct SagaSteps<Sg, As = Participates> {
    pub(crate) entry: SagaEntry,
    /// The versions of the steps that are added now.
    versions: Versions,
    saga: PhantomData<fn(Sg, As)>,
}

/// Collects the owner's steps of its saga.
pub type OwnerSteps<Sg> = SagaSteps<Sg, Owns>;

/// Marks steps in a saga of another service.
#[derive(Debug)]
pub enum Participates {}

/// Marks the owner's steps.
#[derive(Debug)]
pub enum Owns {}

impl<Sg: Saga, As> SagaSteps<Sg, As> {
    pub(crate) fn new() -> Self {
        Self { entry: SagaEntry::new::<Sg>(), versions: Versions::ALL, saga: PhantomData }
    }

    fn push(mut self, erased: ErasedStep) -> Self {
        let mut step = erased.step;
        step.part_mut().versions = self.versions;
        self.entry.steps.push(Arc::new(step));
        self.entry.events.extend(erased.events);
        self
    }

    /// Declares steps of the saga's version `version` and later ones. In sagas that began under an older one they do
    /// not run.
    ///
    /// A message carries no version: a step runs in all sagas in which its trigger is published. So what triggers these
    /// steps is an event of the new version alone, such as the next major version of what it was before.
    ///
    /// ```
    /// # use ballet::*;
    /// # macro_rules! events { ($($name:ident $text:literal)+) => {$(
    /// #     #[event($text, in_saga)] struct $name {}
    /// # )+}; }
    /// # events! {
    /// #     RoomHeld "rooms.room_held.v1" RoomHeldV2 "rooms.room_held.v2" Checked "credit.checked.v1"
    /// #     Charged "payments.charged.v1" Refunded "payments.refunded.v1" Cancelled "desk.cancelled.v1"
    /// # }
    /// # #[saga("booking", owner = "desk", abort = Cancelled)] struct Booking;
    /// # macro_rules! steps { ($($step:ident $name:literal $on:ident)+) => {$(
    /// #     struct $step;
    /// #     impl Step for $step {
    /// #         const NAME: &'static str = $name;
    /// #         type On = $on;
    /// #         type Done = Charged;
    /// #         type Refused = Never;
    /// #         async fn run(&self, _: &mut Tx<'_>, _: $on) -> StepResult<Self> { done(Charged {}) }
    /// #     }
    /// #     impl Compensate for $step {
    /// #         type Compensated = Refunded;
    /// #         async fn compensate(&self, _: &mut Tx<'_>, _: Charged) -> CompensateResult<Self> {
    /// #             compensated(Refunded {})
    /// #         }
    /// #     }
    /// # )+}; }
    /// # steps! { Charge "charge" RoomHeld ChargeChecked "charge_checked" Checked }
    /// let payments = Participant::new("payments").saga::<Booking>(|saga| {
    ///     saga.until(1, |old| old.pivot(Charge)).since(2, |new| new.pivot(ChargeChecked))
    /// });
    /// # assert_eq!(payments.part().sagas[0].steps.len(), 2);
    /// ```
    #[must_use]
    pub fn since(mut self, version: u32, steps: impl FnOnce(Self) -> Self) -> Self {
        let outside = self.versions;
        self.versions = outside.since(version);
        Self { versions: outside, ..steps(self) }
    }

    /// Declares steps of the saga's version `version` and older ones: those that began under it end with them. They go
    /// when `ballet sagas versions` shows that none is open.
    #[must_use]
    pub fn until(mut self, version: u32, steps: impl FnOnce(Self) -> Self) -> Self {
        let outside = self.versions;
        self.versions = outside.until(version);
        Self { versions: outside, ..steps(self) }
    }

    /// Adds a step that may refuse, and is undone when the saga is aborted.
    #[must_use]
    pub fn compensatable<Via, S: Compensatable<Via>>(self, step: S) -> Self {
        self.push(step.erase(StepKind::Compensatable))
    }

    /// Adds a step that cannot refuse. A failure is tried again as its `RETRY` says; then it is a dead letter, which a
    /// person sends back.
    #[must_use]
    pub fn retriable<Via, S: Retriable<Via>>(self, step: S) -> Self {
        self.push(step.erase(StepKind::Retriable))
    }

    /// Adds a step that stays open until its service's own rows say that it is over. It is declared behind the
    /// decision: a saga that is not decided has a deadline instead. See [`Watch`].
    #[must_use]
    pub fn watches<W: Watch>(self, step: W) -> Self {
        self.push(watching(step))
    }

    /// Adds a step that repeats in a saga, each time under another [key](crate::Step::key). One event undoes one
    /// repetition while the saga goes on: a driver declines, and the next one is asked. An event without a key is a
    /// dead letter, and a step that joins events does not repeat: the service does not start.
    #[must_use]
    pub fn repeating<Via, S, E>(mut self, step: S, compensated_by: fn(&E) -> String) -> Self
    where
        S: Compensatable<Via>,
        E: Event,
    {
        let step = step.erase(StepKind::Compensatable).repeating();
        let undo = KeyedCompensation::new(step.step.part().name, compensated_by);
        self.entry.keyed_compensations.push(Arc::new(undo));
        self.entry.events.push(EventSchema::of::<E>());
        self.push(step)
    }
}

impl<Sg: Saga> SagaSteps<Sg> {
    /// Adds the step on which the saga turns: once the owner has recorded its outcome, the
    /// [decision](OwnerSteps::decides), the saga is never aborted. The step is undone if an abort is committed first.
    #[must_use]
    pub fn pivot<Via, S: Compensatable<Via>>(self, step: S) -> Self {
        self.push(step.erase(StepKind::Pivot))
    }
}

impl<Sg, As> fmt::Debug for SagaSteps<Sg, As> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SagaSteps").field(&self.entry.part()).finish()
    }
}

impl<Sg: Saga> OwnerSteps<Sg> {
    /// Begins sagas under this version, and not under 1. All services must know it by then: this change is a release of
    /// its own, after the one in which they declare the version's steps.
    #[must_use]
    pub fn begins(mut self, version: u32) -> Self {
        self.entry.begins = version;
        self
    }

    /// Begins the saga with this event, on an external request. See
    /// [`Unit::originate`](crate::Unit::originate).
    #[must_use]
    pub fn originates<E: Event>(mut self, name: &'static str) -> Self {
        self.entry.origins.push(StepPart {
            versions: self.versions,
            ..StepPart::new(name, StepKind::Origin, Vec::new(), E::TYPE)
        });
        self.entry.events.push(EventSchema::of::<E>());
        self
    }

    /// Begins the saga with this step, triggered by an event. Its refusal is the abort event.
    #[must_use]
    pub fn starts<S: Starts<Sg, Sg::Abort>>(self, step: S) -> Self {
        self.push(step.erase())
    }

    /// Aborts the saga on this refusal. `abort_event` creates the abort event.
    #[must_use]
    pub fn aborts_on<E: Event>(
        mut self,
        abort_event: impl Fn(E) -> Sg::Abort + Send + Sync + 'static,
    ) -> Self {
        self.entry.refusals.push(Arc::new(AbortCause::new(ABORT_ON_REFUSAL, abort_event)));
        self.entry.events.push(EventSchema::of::<E>());
        self
    }

    /// Sets the time in which the saga must be decided, counted from its start. When it has passed,
    /// the owner publishes the event `passed` to itself, and aborts with the abort event from
    /// `abort_event`, unless another outcome was committed first. A saga has one deadline.
    #[must_use]
    pub fn deadline<E: Event>(
        mut self,
        after: SignedDuration,
        passed: impl Fn(Due) -> E + Send + Sync + 'static,
        abort_event: impl Fn(E) -> Sg::Abort + Send + Sync + 'static,
    ) -> Self {
        self.entry.is_deadline_set_twice = self.entry.deadline.is_some();
        self.entry.deadline = Some(Deadline {
            part: DeadlinePart { passed: E::TYPE, after },
            passed_event: Arc::new(move |due| encoded(&passed(due))),
            abort_cause: Arc::new(AbortCause::new(ABORT_ON_DEADLINE, abort_event)),
        });
        self.entry.events.push(EventSchema::of::<E>());
        self
    }

    /// Adds the decision: the step that records the pivot's outcome. It does not run if an abort was committed
    /// first, and it runs once in a saga: also one with a key decides under the first, and no other.
    #[must_use]
    pub fn decides<S: Decides>(self, step: S) -> Self {
        self.push(step.erase())
    }
}
