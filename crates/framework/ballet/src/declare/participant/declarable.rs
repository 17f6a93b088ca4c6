//! The traits that decide how a step may be declared. A wrong declaration fails to compile, with an
//! error message of ours.

use std::sync::Arc;

use ballet_core::{Never, Saga, StepKind};

use crate::declare::erased::call::{AnyCallCompensation, CallHandlers};
use crate::declare::erased::local::{AnyLocalCompensation, LocalHandlers};
use crate::declare::erased::step::{ErasedStep, Handlers};
use crate::declare::step::call_step::{CallCompensate, CallStep};
use crate::declare::step::step::{Compensate, Step};

/// Marks a [`Step`].
#[derive(Debug)]
pub enum Local {}

/// Marks a [`CallStep`].
#[derive(Debug)]
pub enum Outside {}

/// A step that can be undone, for [`compensatable`](crate::SagaSteps::compensatable) and
/// [`pivot`](crate::SagaSteps::pivot).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compensation",
    label = "a compensatable step, and a pivot, needs one",
    note = "write `impl Compensate for {Self}` beside `impl Step for {Self}`; for a `CallStep`, write `impl CallCompensate for {Self}`",
    note = "a step that never has to be compensated, because nothing can be refused after it, is declared with `.retriable(..)`"
)]
pub trait Compensatable<Via> {
    #[doc(hidden)]
    fn erase(self, kind: StepKind) -> ErasedStep;
}

/// A step that cannot refuse, for [`retriable`](crate::SagaSteps::retriable).
#[diagnostic::on_unimplemented(
    message = "`{Self}` may refuse, so it cannot be a retriable step",
    label = "a retriable step has no business \"no\"",
    note = "after the pivot nothing can be compensated: set `type Refused = Never`, or move the step before the pivot and declare it with `.compensatable(..)`"
)]
pub trait Retriable<Via> {
    #[doc(hidden)]
    fn erase(self, kind: StepKind) -> ErasedStep;
}

/// A step that begins a saga of its owner, for [`starts`](crate::OwnerSteps::starts).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot begin the saga `{Sg}`: its refusal is not the saga's abort",
    label = "what an owner refuses at the start, it aborts",
    note = "set `type Refused`, or the `R` of the method's `Does<D, R>`, to the abort event of `{Sg}`"
)]
pub trait Starts<Sg> {
    #[doc(hidden)]
    fn erase(self) -> ErasedStep;
}

/// A step that records the pivot's outcome, for [`decides`](crate::OwnerSteps::decides).
#[diagnostic::on_unimplemented(
    message = "`{Self}` may refuse, so it cannot record the pivot's outcome",
    label = "a record states what has happened",
    note = "set `type Refused = Never`: what can still be refused comes before the pivot"
)]
pub trait Decides {
    #[doc(hidden)]
    fn erase(self) -> ErasedStep;
}

#[diagnostic::do_not_recommend]
impl<Sg: Saga, S: Step<Refused = Sg::Abort>> Starts<Sg> for S {
    fn erase(self) -> ErasedStep {
        local(Arc::new(self), StepKind::Origin, None)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Step<Refused = Never>> Decides for S {
    fn erase(self) -> ErasedStep {
        local(Arc::new(self), StepKind::Decision, None)
    }
}

impl<S: Compensate> Compensatable<Local> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        let step = Arc::new(self);
        local(Arc::clone(&step), kind, Some(step)).compensated::<S::Compensated>()
    }
}

impl<S: CallCompensate> Compensatable<Outside> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        let step = Arc::new(self);
        outside(Arc::clone(&step), kind, Some(step)).compensated::<S::Compensated>()
    }
}

impl<S: Step<Refused = Never>> Retriable<Local> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        local(Arc::new(self), kind, None)
    }
}

impl<S: CallStep<Refused = Never>> Retriable<Outside> for S {
    fn erase(self, kind: StepKind) -> ErasedStep {
        outside(Arc::new(self), kind, None)
    }
}

fn local<S: Step>(
    step: Arc<S>,
    kind: StepKind,
    compensation: Option<Arc<dyn AnyLocalCompensation>>,
) -> ErasedStep {
    let handlers = Handlers::Local(LocalHandlers { together: S::TOGETHER, step, compensation });
    ErasedStep::new::<S::On, S::Done, S::Refused>(S::NAME, kind, S::RETRY, S::key, handlers)
}

fn outside<S: CallStep>(
    step: Arc<S>,
    kind: StepKind,
    compensation: Option<Arc<dyn AnyCallCompensation>>,
) -> ErasedStep {
    let handlers = Handlers::Call(CallHandlers { name: S::NAME, step, compensation });
    ErasedStep::new::<S::On, S::Done, S::Refused>(S::NAME, kind, S::RETRY, S::key, handlers)
}
