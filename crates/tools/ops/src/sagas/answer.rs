//! Records a person's word on a step's call to the outside, when only a person can find out its outcome: the other side
//! may have forgotten the key, or no longer answers.
//!
//! One transaction, under the service's lock for the saga, writes the outcome and the note about the person. The step's
//! own handler then handles the answer, so the outcome is published or, in an aborted saga, compensated.

use std::fmt;
use std::time::Duration;

use ballet_core::fault::{self, FaultPoint};
use ballet_core::{Part, Runs, SagaId};
use ballet_store::calls::open::{self, OfStep, of_step};
use ballet_store::calls::stored::StatedOutcome;
use ballet_store::ledger::locks::lock_saga;
use ballet_store::ledger::recorded_rows::of_saga;
use ballet_store::operators::change::{as_service, change};
use ballet_store::operators::interventions::{self, Act, TouchedMessage};
use serde::de::IgnoredAny;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::note::Note;
use crate::sagas::ledger_step::{LedgerStep, declared};
use crate::sagas::solve_error::{
    LOOK_EVERY, SolveError, in_use, not_calling, not_failing, refused, taken,
};

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The other side's answer, as JSON of the step's `Answer`. A "no" is an answer, too.
    Answer(String),
    /// The other side has done nothing, and nothing is under way.
    NothingDone,
}

/// A call whose outcome a person knows.
#[derive(Debug)]
pub struct KnownCall<'a> {
    /// The service's declarations.
    pub part: &'a Part,
    /// The saga.
    pub saga: SagaId,
    /// The step.
    pub step: &'a str,
    /// The step's key, if it has run for several.
    pub key: Option<&'a str>,
    /// The outcome of the call.
    pub outcome: CallOutcome,
    /// Whether the other side has confirmed that it will not carry out the accepted request.
    pub is_called_off: bool,
    /// Who, when and why.
    pub note: Note,
}

/// A call whose outcome was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCall {
    /// The step, with its key.
    pub step: String,
    /// The call's key.
    pub key: Uuid,
    /// The service's next action.
    pub then: CallFollowUp,
}

/// What a service does with a call whose outcome was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFollowUp {
    /// It handles the answer.
    TakesIn,
    /// It ends the call. The aborted saga has nothing to compensate.
    Ends,
    /// It makes the call, as if it were new.
    Makes,
}

/// A predicate of the service: `payments takes the answer in`.
impl fmt::Display for CallFollowUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TakesIn => "takes the answer in",
            Self::Ends => "ends the call: its saga is aborted, and there is nothing to compensate",
            Self::Makes => "makes the call, as if it were new",
        })
    }
}

/// Records the outcome of a call, once a running attempt has ended, for which it waits up to `patience`. With `dry_run`
/// it only returns what would be done.
///
/// # Errors
///
/// If the step waits for no answer, or the database has an error. Nothing is changed then.
pub async fn answer(
    db: &mut PgConnection,
    known: &KnownCall<'_>,
    patience: Duration,
    dry_run: bool,
) -> Result<AnsweredCall, SolveError> {
    let end = Instant::now() + patience;
    loop {
        match attempt(&mut *db, known, dry_run).await {
            Err(SolveError::Running(_)) if Instant::now() < end => sleep(LOOK_EVERY).await,
            ended => return ended,
        }
    }
}

async fn attempt(
    db: &mut PgConnection,
    known: &KnownCall<'_>,
    dry_run: bool,
) -> Result<AnsweredCall, SolveError> {
    let KnownCall { part, saga, step, key, outcome, is_called_off, note } = known;
    if let CallOutcome::Answer(answer) = outcome {
        serde_json::from_str::<IgnoredAny>(answer)
            .map_err(|why| refused(format!("the answer is no JSON: {why}")))?;
    }
    let (saga_part, declared) =
        declared(part, step, "calls outside", |one| one.runs == Runs::CallsOutside)?;
    let mut transaction = change(db).await?;
    as_service(&mut transaction).await?;
    let running = || {
        let service = part.service;
        SolveError::Running(format!("{service} is making the call of {step} at this moment"))
    };
    lock_saga(&mut transaction, *saga).await.map_err(|error| in_use(error, running()))?;
    let rows = of_saga(&mut transaction, saga.0).await?;
    let standing = LedgerStep::new(part, saga_part, declared, saga.0, &rows, *key)?;
    let is_taken_back = standing.calling()?;
    let call = of_step(&mut transaction, saga.0, standing.at(), false).await;
    let Some(call) = call.map_err(|error| in_use(error, running()))? else {
        return Err(not_calling(&standing.name(), "its answer is taken in at this moment"));
    };
    let OfStep { key, is_out, is_taken, is_set_aside, error } = call;
    if is_out {
        return Err(running());
    }
    if is_taken && !is_set_aside && !is_called_off {
        return Err(taken(&format!("the request of {}", standing.name()), key));
    }
    if error.is_none() {
        return Err(not_failing(&format!("the call of {}", standing.name())));
    }
    let then = match outcome {
        CallOutcome::Answer(_) => CallFollowUp::TakesIn,
        CallOutcome::NothingDone if is_taken_back => CallFollowUp::Ends,
        CallOutcome::NothingDone => CallFollowUp::Makes,
    };
    let answered = AnsweredCall { step: standing.name(), key, then };
    if dry_run {
        return Ok(answered);
    }
    match (outcome, then) {
        (CallOutcome::Answer(answer), _) => {
            open::give(&mut transaction, key, &StatedOutcome::Answer(answer.clone())).await?;
        }
        (CallOutcome::NothingDone, CallFollowUp::Ends) => {
            open::give(&mut transaction, key, &StatedOutcome::Nothing).await?;
        }
        (CallOutcome::NothingDone, CallFollowUp::TakesIn | CallFollowUp::Makes) => {
            open::ask_anew(&mut transaction, key).await?;
        }
    }
    let touched = [TouchedMessage { message_id: key, saga_id: Some(saga.0), event_type: None }];
    interventions::insert(&mut transaction, note.of(Act::Answered), &touched).await?;
    fault::point(FaultPoint::BeforeTables, "answered");
    transaction.commit().await?;
    fault::point(FaultPoint::AfterTables, "answered");
    Ok(answered)
}
