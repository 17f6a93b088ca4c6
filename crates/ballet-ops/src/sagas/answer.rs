//! Says what became of a step's call to the outside, where only a person can find that out: the other side may have
//! forgotten its key, or answers nobody any more.
//!
//! It is one transaction, under the lock that the service takes for the saga: what is said, and the note about who says
//! it. The service takes the answer in as if the other side had given it, through the step's own handler. So the outcome
//! is published or, in a saga that was aborted meanwhile, compensated.

use std::fmt;

use ballet_core::{Part, Runs, SagaId};
use ballet_fault::{self as fault, FaultPoint};
use ballet_store::calls::open::{self, OfStep, of_step};
use ballet_store::calls::stored::StatedOutcome;
use ballet_store::ledger::locks::lock_saga;
use ballet_store::ledger::recorded_rows::of_saga;
use ballet_store::operators::change::{as_service, change};
use ballet_store::operators::interventions::{self, Act, TouchedMessage};
use serde::de::IgnoredAny;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::redrive::Note;
use crate::sagas::refused::{NotSolved, in_use};
use crate::sagas::standing::{Standing, declared};

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// This is the answer, as JSON of the step's `Answer`. A "no" is one, too.
    Answer(String),
    /// The other side has done nothing for it, and nothing is under way.
    NothingDone,
}

/// A call of which a person knows what became of it.
#[derive(Debug)]
pub struct KnownCall<'a> {
    /// What the service declares.
    pub part: &'a Part,
    /// The saga.
    pub saga: SagaId,
    /// The step.
    pub step: &'a str,
    /// Its key, if it has run for several.
    pub key: Option<&'a str>,
    /// What became of the call.
    pub outcome: CallOutcome,
    /// Whether the other side has confirmed that it will not carry out the request that it has
    /// taken.
    pub is_called_off: bool,
    /// Who, when and why.
    pub note: Note,
}

/// A call of which was said what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCall {
    /// The step, with its key.
    pub step: String,
    /// The call's key.
    pub key: Uuid,
    /// What the service does now.
    pub then: CallThen,
}

/// What a service does with a call of which a person has said what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallThen {
    /// It takes the answer in.
    TakesIn,
    /// It ends the call. The saga is aborted, so there is nothing to compensate.
    Ends,
    /// It makes the call, as if it were new.
    Makes,
}

/// What a service does, as it is told to a person: `payments takes the answer in`.
impl fmt::Display for CallThen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TakesIn => "takes the answer in",
            Self::Ends => "ends the call: its saga is aborted, and there is nothing to compensate",
            Self::Makes => "makes the call, as if it were new",
        })
    }
}

/// Says what became of a call. With `dry_run` it only says what would be done.
///
/// # Errors
///
/// If the step waits for no answer, or the database has an error. Nothing is changed then.
pub async fn answer(
    db: &mut PgConnection,
    known: &KnownCall<'_>,
    dry_run: bool,
) -> Result<AnsweredCall, NotSolved> {
    let KnownCall { part, saga, step, key, outcome, is_called_off, note } = known;
    if let CallOutcome::Answer(answer) = outcome {
        serde_json::from_str::<IgnoredAny>(answer)
            .map_err(|why| NotSolved::WrongAnswer(why.to_string()))?;
    }
    let (saga_part, declared) =
        declared(part, step, "calls outside", |one| one.runs == Runs::CallsOutside)?;
    let mut transaction = change(db).await?;
    as_service(&mut transaction).await?;
    let running = || NotSolved::Running {
        service: part.service.to_owned(),
        work: format!("making the call of {step}"),
    };
    lock_saga(&mut transaction, *saga).await.map_err(|error| in_use(error, running()))?;
    let rows = of_saga(&mut transaction, saga.0).await?;
    let standing = Standing::new(part, saga_part, declared, saga.0, &rows, *key)?;
    let is_taken_back = standing.calling()?;
    let call = of_step(&mut transaction, saga.0, standing.at(), false).await;
    let Some(call) = call.map_err(|error| in_use(error, running()))? else {
        return Err(NotSolved::NotCalling {
            step: standing.name(),
            why: "its answer is taken in at this moment".to_owned(),
        });
    };
    let OfStep { key, is_out, is_taken, is_set_aside, error } = call;
    if is_out {
        return Err(running());
    }
    if is_taken && !is_set_aside && !is_called_off {
        let request = format!("the request of {}", standing.name());
        return Err(NotSolved::Taken { request, key });
    }
    if error.is_none() {
        return Err(NotSolved::NotFailing { call: format!("the call of {}", standing.name()) });
    }
    let then = match outcome {
        CallOutcome::Answer(_) => CallThen::TakesIn,
        CallOutcome::NothingDone if is_taken_back => CallThen::Ends,
        CallOutcome::NothingDone => CallThen::Makes,
    };
    let answered = AnsweredCall { step: standing.name(), key, then };
    if dry_run {
        return Ok(answered);
    }
    match (outcome, then) {
        (CallOutcome::Answer(answer), _) => {
            open::give(&mut transaction, key, &StatedOutcome::Answer(answer.clone())).await?;
        }
        (CallOutcome::NothingDone, CallThen::Ends) => {
            open::give(&mut transaction, key, &StatedOutcome::Nothing).await?;
        }
        (CallOutcome::NothingDone, CallThen::TakesIn | CallThen::Makes) => {
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
