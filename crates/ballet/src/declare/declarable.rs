//! The traits that decide how a step may be declared. A wrong declaration fails to compile, with an
//! error message of ours.

use ballet_core::{Event, Never, Saga, StepKind, StepPart, Trigger, Versions};

use crate::declare::bulk::{BulkCompensate, BulkStep};
use crate::declare::call_step::{CallCompensate, CallStep};
use crate::declare::erased::any::ErasedStep;
use crate::declare::erased::bulk::{BulkCompensation, BulkLocalStep};
use crate::declare::erased::call::{CallCompensation, OutsideStep};
use crate::declare::erased::local::{LocalCompensation, LocalStep};
use crate::declare::step::{Compensate, Step};

/// Marks a [`Step`].
#[derive(Debug)]
pub enum Local {}

/// Marks a [`CallStep`].
#[derive(Debug)]
pub enum Outside {}

/// Marks a [`BulkStep`].
#[derive(Debug)]
pub enum Bulk {}

/// A step that can be undone, for [`compensatable`](crate::SagaSteps::compensatable) and
/// [`pivot`](crate::SagaSteps::pivot).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compensation",
    label = "a compensatable step, and a pivot, needs one",
    note = "write `impl Compensate for {Self}` beside `impl Step for {Self}`; for a `CallStep`, write `impl CallCompensate for {Self}`; for a `BulkStep`, `impl BulkCompensate for {Self}`",
    note = "a step that never has to be compensated, because nothing can be refused after it, is declared with `.retriable(..)`"
)]
pub trait Compensatable<Via> {
    #[doc(hidden)]
    fn erase(self, kind: StepKind) -> ErasedStep;
}

/// A step that cannot refuse, for [`retriable`](crate::SagaSteps::retriable).
#[diagnostic::on_unimplemented(
    message = "`{Self}` may refuse, so it cannot be a retriable step",
    label = "a retriable step goes on until it is done",
    note = "after the pivot nothing can be compensated: set `type Refused = Never`, or move the step before the pivot and declare it with `.compensatable(..)`"
)]
pub trait Retriable<Via> {
    #[doc(hidden)]
    fn erase(self, kind: StepKind) -> ErasedStep;
}

/// A step that starts a saga of its owner, for [`starts`](crate::OwnerSteps::starts).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot begin the saga `{Sg}`: its refusal is not the saga's abort",
    label = "what an owner refuses at the start, it aborts",
    note = "set `type Refused` to the `type Abort` of `impl Saga for {Sg}`"
)]
pub trait Starts<Sg, Via> {
    #[doc(hidden)]
    fn erase(self) -> ErasedStep;
}

/// A step that records the pivot's outcome, for [`decides`](crate::OwnerSteps::decides).
#[diagnostic::on_unimplemented(
    message = "`{Self}` may refuse, so it cannot record the pivot's outcome",
    label = "a record states what has happened",
    note = "set `type Refused = Never`: what can still be refused comes before the pivot"
)]
pub trait Decides<Via> {
    #[doc(hidden)]
    fn erase(self) -> ErasedStep;
}

impl<Sg: Saga, S: Step<Refused = Sg::Abort>> Starts<Sg, Local> for S {
    fn erase(self) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(without_compensation(self, StepKind::Origin))
    }
}

impl<Sg: Saga, S: BulkStep<Refused = Sg::Abort>> Starts<Sg, Bulk> for S {
    fn erase(self) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(bulk(self, StepKind::Origin))
    }
}

impl<S: Step<Refused = Never>> Decides<Local> for S {
    fn erase(self) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(without_compensation(
            self,
            StepKind::Decision,
        ))
    }
}

impl<S: BulkStep<Refused = Never>> Decides<Bulk> for S {
    fn erase(self) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(bulk(self, StepKind::Decision))
    }
}

impl<S: Compensate> Compensatable<Local> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        let mut step = without_compensation(self, kind);
        step.part.compensated = S::Compensated::TYPE.if_any();
        step.undo = Some(LocalCompensation::of());
        ErasedStep::new::<S::On, S::Done, S::Refused>(step).compensated::<S::Compensated>()
    }
}

impl<S: CallCompensate> Compensatable<Outside> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        let mut step = outside(self, kind);
        step.part.compensated = S::Compensated::TYPE.if_any();
        step.undo = Some(CallCompensation::of());
        ErasedStep::new::<S::On, S::Done, S::Refused>(step).compensated::<S::Compensated>()
    }
}

impl<S: BulkCompensate> Compensatable<Bulk> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        let mut step = bulk(self, kind);
        step.part.compensated = S::Compensated::TYPE.if_any();
        step.undo = Some(BulkCompensation::of());
        ErasedStep::new::<S::On, S::Done, S::Refused>(step).compensated::<S::Compensated>()
    }
}

impl<S: Step<Refused = Never>> Retriable<Local> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(without_compensation(self, kind))
    }
}

impl<S: CallStep<Refused = Never>> Retriable<Outside> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(outside(self, kind))
    }
}

impl<S: BulkStep<Refused = Never>> Retriable<Bulk> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        ErasedStep::new::<S::On, S::Done, S::Refused>(bulk(self, kind))
    }
}

fn without_compensation<S: Step>(step: S, kind: StepKind) -> LocalStep<S> {
    let part = step_part::<S::On, S::Done, S::Refused>(S::NAME, kind);
    LocalStep { step, part, undo: None }
}

fn outside<S: CallStep>(step: S, kind: StepKind) -> OutsideStep<S> {
    let mut part = step_part::<S::On, S::Done, S::Refused>(S::NAME, kind);
    part.calls_outside = true;
    OutsideStep { step, part, undo: None }
}

fn bulk<S: BulkStep>(step: S, kind: StepKind) -> BulkLocalStep<S> {
    let part = step_part::<S::On, S::Done, S::Refused>(S::NAME, kind);
    BulkLocalStep { step, part, undo: None }
}

fn step_part<On: Trigger, D: Event, R: Event>(name: &'static str, kind: StepKind) -> StepPart {
    StepPart {
        name,
        kind,
        on: On::types(),
        done: D::TYPE,
        refused: R::TYPE.if_any(),
        compensated: None,
        compensated_by: Vec::new(),
        calls_outside: false,
        versions: Versions::ALL,
    }
}
