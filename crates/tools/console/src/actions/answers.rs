//! The outcome of a step's call to the outside, as a person has found it.

use ballet_core::SagaId;
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{self, AnsweredCall, CallOutcome, KnownCall, SolveError};
use sqlx::Connection as _;
use tokio::time::Instant;
use uuid::Uuid;

use crate::actions::action_context::ActionContext;
use crate::actions::sagas::{LOOK_EVERY, PATIENCE};

/// A person's statement on a step's call.
#[derive(Debug, Clone)]
pub(crate) struct GivenAnswer {
    pub(crate) service: String,
    pub(crate) saga: Uuid,
    pub(crate) step: String,
    pub(crate) key: Option<String>,
    /// The answer of the other side, as JSON.
    pub(crate) answer: Option<String>,
    /// Whether the other side has done nothing.
    pub(crate) is_nothing_done: bool,
    pub(crate) is_called_off: bool,
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
        let outcome = self.outcome()?;
        let service = &*self.service;
        let part =
            context.part(service).ok_or_else(|| format!("the system has no service {service}"))?;
        let known = KnownCall {
            part,
            saga: SagaId(self.saga),
            step: &self.step,
            key: self.key.as_deref(),
            outcome,
            is_called_off: self.is_called_off,
            note,
        };
        let mut db = context.connect(service).await?;
        let end = Instant::now() + PATIENCE;
        let answered = loop {
            match sagas::answer(&mut db, &known, dry_run).await {
                Err(SolveError::Running { .. }) if Instant::now() < end => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                ended => break ended,
            }
        };
        db.close().await.ok();
        answered.map_err(|error| error.to_string())
    }
}
