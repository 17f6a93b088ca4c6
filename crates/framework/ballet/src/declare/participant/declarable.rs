//! The traits that decide how a step may be declared. A wrong declaration fails to compile, with an
//! error message of ours.

use std::sync::Arc;

use ballet_core::{Never, Saga, StepKind};

use crate::declare::erased::call::{AnyCallCompensation, CallHandlers};
use crate::declare::erased::local::{AnyLocalCompensation, LocalHandlers};
use crate::declare::erased::step::{ErasedStep, Handlers};
use crate::declare::step::call_step::{CallCompensate, CallStep};
use crate::declare::step::owner::Owner;
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
    label = "an abort before the owner's decision undoes this step",
    note = "write `impl Compensate for {Self}` beside `impl Step for {Self}`; for a `CallStep`, write `impl CallCompensate for {Self}`",
    note = "a step that cannot refuse and is never undone, because it comes after the decision, is declared with `.retriable(..)`"
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
    message = "`{Self}` cannot start the saga `{Sg}`: its refusal is not `{Abort}`, the saga's abort event",
    label = "an owner that refuses at the start aborts the saga",
    note = "a method returns `Does<EVENT, {Abort}>`, and a type has `type Refused = {Abort}`, also if it never refuses",
    note = "`{Sg}` names its abort event: `#[saga(.., abort = {Abort})]`, or `type Abort = {Abort}`"
)]
pub trait Starts<Sg, Abort> {
    #[doc(hidden)]
    fn erase(self) -> ErasedStep;
}

/// The owner of this saga, which a method with `#[owns(SAGA)]` returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not own the saga `{Sg}`",
    label = "`#[owns({Sg})]` stands above a method that returns the owner of `{Sg}`",
    note = "write in `#[owns(..)]` the saga that `impl Owner for {Self}` has as its `type Saga`, or return an owner with `type Saga = {Sg}`"
)]
pub trait OwnerOf<Sg> {}

/// Returns the owner, if it is the one of this saga.
#[must_use]
pub const fn owner_of<Sg, O: OwnerOf<Sg>>(owner: O) -> O {
    owner
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
impl<Sg: Saga<Abort = Abort>, Abort, S: Step<Refused = Abort>> Starts<Sg, Abort> for S {
    fn erase(self) -> ErasedStep {
        local(Arc::new(self), StepKind::Origin, None)
    }
}

#[diagnostic::do_not_recommend]
impl<Sg: Saga, O: Owner<Saga = Sg>> OwnerOf<Sg> for O {}

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
