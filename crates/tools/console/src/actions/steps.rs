//! What a person has found out or done about one step of a saga: the outcome of its call to the outside, or its
//! compensation.

use std::time::Duration;

use ballet_check::solved_event;
use ballet_core::{EventType, Part, SagaId};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{
    self, AnsweredCall, CallOutcome, KnownCall, ManualCompensation, SolvedStep,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::actions::action_context::ActionContext;

/// The longest wait for a step that the service is trying itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A step of a saga, as a person names it.
#[derive(Debug, Clone)]
pub(crate) struct NamedStep {
    pub(crate) service: String,
    pub(crate) saga: Uuid,
    pub(crate) step: String,
    pub(crate) key: Option<String>,
    pub(crate) is_called_off: bool,
}

impl NamedStep {
    /// Returns the declarations of its service.
    fn part<'a>(&self, context: &'a ActionContext) -> Result<&'a Part, String> {
        let unknown = || format!("the system has no service {}", self.service);
        context.part(&self.service).ok_or_else(unknown)
    }
}

/// A compensation that a person has done outside of the system.
#[derive(Debug, Clone)]
pub(crate) struct GivenSolution {
    pub(crate) of: NamedStep,
    /// The body of the event; `None` makes it from the step's outcome.
    pub(crate) event: Option<String>,
    pub(crate) is_silent: bool,
}

impl GivenSolution {
    /// Marks the step as compensated. With `dry_run` it only returns what would be done.
    pub(crate) async fn solve(
        &self,
        context: &ActionContext,
        note: Note,
        dry_run: bool,
    ) -> Result<SolvedStep, String> {
        let now = context.clock.now();
        let contracts = context.contract_index.contracts;
        let body = |kind: EventType, outcome: &str| {
            if self.is_silent {
                return Ok(None);
            }
            solved_event::body(contracts, kind, self.event.as_deref(), outcome, now).map(Some)
        };
        let by_hand = ManualCompensation {
            part: self.of.part(context)?,
            saga: SagaId(self.of.saga),
            step: &self.of.step,
            key: self.of.key.as_deref(),
            event: &body,
            is_called_off: self.of.is_called_off,
            note,
            message_id: context.clock.new_id(now),
            note_id: context.clock.new_id(now),
        };
        let solve =
            async |db: &mut PgConnection| sagas::solve(db, &by_hand, PATIENCE, dry_run).await;
        context.in_database(&self.of.service, solve).await
    }
}

/// A person's statement on a step's call.
#[derive(Debug, Clone)]
pub(crate) struct GivenAnswer {
    pub(crate) of: NamedStep,
    /// The answer of the other side, as JSON.
    pub(crate) answer: Option<String>,
    /// Whether the other side has done nothing.
    pub(crate) is_nothing_done: bool,
}

impl GivenAnswer {
    fn outcome(&self) -> Result<CallOutcome, String> {
        match (&self.answer, self.is_nothing_done) {
            (Some(answer), false) => Ok(CallOutcome::Answer(answer.clone())),
            (None, true) => Ok(CallOutcome::NothingDone),
            (Some(_), true) | (None, false) => {
                Err("give the answer of the other side, or say that it has done nothing: one of the two"
                    .to_owned())
            }
        }
    }

    /// Makes the service accept the answer. With `dry_run` it only returns what would be done.
    pub(crate) async fn give(
        &self,
        context: &ActionContext,
        note: Note,
        dry_run: bool,
    ) -> Result<AnsweredCall, String> {
        let known = KnownCall {
            outcome: self.outcome()?,
            part: self.of.part(context)?,
            saga: SagaId(self.of.saga),
            step: &self.of.step,
            key: self.of.key.as_deref(),
            is_called_off: self.of.is_called_off,
            note,
        };
        let answer =
            async |db: &mut PgConnection| sagas::answer(db, &known, PATIENCE, dry_run).await;
        context.in_database(&self.of.service, answer).await
    }
}
