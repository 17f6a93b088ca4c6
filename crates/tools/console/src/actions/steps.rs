//! A person's report on a saga's step: its call's outcome, or its compensation.

use std::time::Duration;

use ballet_check::solved_event;
use ballet_core::{EventType, Part, SagaId};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{
    self, AnsweredCall, CallOutcome, KnownCall, ManualCompensation, SolvedStep,
};
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::actions::action_context::ActionContext;

/// The service may be trying the step.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StepReport {
    pub(crate) act: String,
    /// `service/step`.
    pub(crate) step: String,
    pub(crate) key: String,
    pub(crate) called_off: String,
    pub(crate) why: String,
    /// Without one it is made of the step's outcome.
    pub(crate) event: String,
    pub(crate) silent: String,
    /// The other side's, as JSON.
    pub(crate) answer: String,
    pub(crate) nothing_done: String,
}

impl StepReport {
    pub(crate) fn names(&self) -> (&str, &str) {
        self.step.split_once('/').unwrap_or_default()
    }

    fn part<'a>(&self, context: &'a ActionContext) -> Result<&'a Part, String> {
        let (service, _) = self.names();
        context.part(service).ok_or_else(|| format!("the system has no service {service}"))
    }

    /// With `dry_run` it only returns what would be done.
    pub(crate) async fn solve(
        &self,
        context: &ActionContext,
        saga: Uuid,
        note: Note,
        dry_run: bool,
    ) -> Result<SolvedStep, String> {
        let (service, step) = self.names();
        let now = context.clock.now();
        let contracts = context.contract_index.contracts;
        let body = |kind: EventType, outcome: &str| {
            if is_checked(&self.silent) {
                return Ok(None);
            }
            solved_event::body(contracts, kind, given(&self.event), outcome, now).map(Some)
        };
        let by_hand = ManualCompensation {
            part: self.part(context)?,
            saga: SagaId(saga),
            step,
            key: given(&self.key),
            event: &body,
            is_called_off: is_checked(&self.called_off),
            note,
            message_id: context.clock.new_id(now),
            note_id: context.clock.new_id(now),
        };
        let solve =
            async |db: &mut PgConnection| sagas::solve(db, &by_hand, PATIENCE, dry_run).await;
        context.in_database(service, solve).await
    }

    fn outcome(&self) -> Result<CallOutcome, String> {
        match (given(&self.answer), is_checked(&self.nothing_done)) {
            (Some(answer), false) => Ok(CallOutcome::Answer(answer.to_owned())),
            (None, true) => Ok(CallOutcome::NothingDone),
            (Some(_), true) | (None, false) => {
                Err("give the answer of the other side, or say that it has done nothing: one of the two"
                    .to_owned())
            }
        }
    }

    /// With `dry_run` it only returns what would be done.
    pub(crate) async fn answer(
        &self,
        context: &ActionContext,
        saga: Uuid,
        note: Note,
        dry_run: bool,
    ) -> Result<AnsweredCall, String> {
        let (service, step) = self.names();
        let known = KnownCall {
            outcome: self.outcome()?,
            part: self.part(context)?,
            saga: SagaId(saga),
            step,
            key: given(&self.key),
            is_called_off: is_checked(&self.called_off),
            note,
        };
        let answer =
            async |db: &mut PgConnection| sagas::answer(db, &known, PATIENCE, dry_run).await;
        context.in_database(service, answer).await
    }
}

fn given(field: &str) -> Option<&str> {
    Some(field.trim()).filter(|text| !text.is_empty())
}

pub(crate) fn is_checked(field: &str) -> bool {
    field == "yes"
}
