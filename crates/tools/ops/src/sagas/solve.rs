//! Marks a compensation as solved by hand: a person has done outside of the system what the service cannot.
//!
//! One transaction, under the service's lock for the saga, writes the ledger's row, the event, the end of the open
//! call, and the note about the person. So the service or the person compensates, never both. The failed message is
//! left alone: it comes again, finds nothing to compensate, and its other handlers run.

use std::fmt;
use std::time::Duration;

use ballet_core::fault::{self, FaultPoint};
use ballet_core::{EventType, Part, SagaId, SagaPart, StepPart};
use ballet_store::calls::open::{self, OfStep, of_step};
use ballet_store::dead_events;
use ballet_store::inbox::failures;
use ballet_store::ledger::entry::StepKey;
use ballet_store::ledger::locks::lock_saga;
use ballet_store::ledger::recorded_rows::{self, RowWithBody, of_saga};
use ballet_store::ledger::standing::StepDeclaration;
use ballet_store::operators::change::{as_service, change};
use ballet_store::operators::compensations_by_hand::{self, NewNote, insert};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::note::Note;
use crate::sagas::ledger_step::{LedgerStep, UndoKind, declared};
use crate::sagas::solve_error::{LOOK_EVERY, SolveError, in_use, not_failing, refused, taken};

/// Makes the body of the compensation's event from the body of the step's outcome. `None` for no event.
pub type MakeEvent<'a> = &'a (dyn Fn(EventType, &str) -> Result<Option<String>, String> + Sync);

/// A compensation that a person has done by hand.
pub struct ManualCompensation<'a> {
    /// The service's declarations.
    pub part: &'a Part,
    /// The saga.
    pub saga: SagaId,
    /// The step.
    pub step: &'a str,
    /// Its key, if it has run for several.
    pub key: Option<&'a str>,
    /// Makes the event of the compensation, for a step that publishes one.
    pub event: MakeEvent<'a>,
    /// Whether the other side of its call has confirmed that it will not carry out the accepted request.
    pub is_called_off: bool,
    /// Who, when and why.
    pub note: Note,
    /// A new id for the event.
    pub message_id: Uuid,
    /// A new id for the note.
    pub note_id: Uuid,
}

impl fmt::Debug for ManualCompensation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { saga, step, note, .. } = self;
        f.debug_struct("ManualCompensation")
            .field("saga", saga)
            .field("step", step)
            .field("note", note)
            .finish()
    }
}

/// A compensation that was marked as solved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolvedStep {
    /// The step, with its key.
    pub step: String,
    /// The event that is published, and its body.
    pub event: Option<(EventType, String)>,
    /// The earlier steps that the service compensates now.
    pub earlier: Vec<String>,
    /// Whether a message has failed, and comes again or is a dead letter.
    pub failed: Option<FailedMessageState>,
}

/// The state of the message whose handler failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedMessageState {
    /// It is tried again by itself.
    ComesAgain,
    /// It is a dead letter.
    IsDead,
}

/// Marks a compensation as solved, once a running attempt has ended, for which it waits up to `patience`. With
/// `dry_run` it only returns what would be done.
///
/// # Errors
///
/// If there is nothing to solve, or the database has an error. Nothing is changed then.
pub async fn solve(
    db: &mut PgConnection,
    by_hand: &ManualCompensation<'_>,
    patience: Duration,
    dry_run: bool,
) -> Result<SolvedStep, SolveError> {
    let end = Instant::now() + patience;
    loop {
        match attempt(&mut *db, by_hand, dry_run).await {
            Err(SolveError::Running(_)) if Instant::now() < end => sleep(LOOK_EVERY).await,
            ended => return ended,
        }
    }
}

async fn attempt(
    db: &mut PgConnection,
    by_hand: &ManualCompensation<'_>,
    dry_run: bool,
) -> Result<SolvedStep, SolveError> {
    let ManualCompensation { part, saga, step, key, event, .. } = by_hand;
    let can_be = |one: &StepPart| StepDeclaration::Step(one.kind).can_be_compensated();
    let (saga_part, declared) = declared(part, step, "can be compensated", can_be)?;
    let mut transaction = change(db).await?;
    as_service(&mut transaction).await?;
    let running =
        || SolveError::Running(format!("{} is compensating {step} at this moment", part.service));
    lock_saga(&mut transaction, *saga).await.map_err(|error| in_use(error, running()))?;
    let rows = of_saga(&mut transaction, saga.0).await?;
    let standing = LedgerStep::new(part, saga_part, declared, saga.0, &rows, *key)?;
    if let Some(at) = standing.compensated_at() {
        let how = how_compensated(&mut transaction, saga.0, step, standing.key()).await?;
        let step = standing.name();
        return Err(refused(format!("{step} is compensated since {at:.0}: {how}")));
    }
    let (undo, done) = standing.undo()?;
    let mut last_error = None;
    if undo == UndoKind::Calls {
        let call = of_step(&mut transaction, saga.0, standing.at(), true).await;
        let call = call.map_err(|error| in_use(error, running()))?;
        if let Some(OfStep { key, is_out, is_taken, error, .. }) = call {
            if is_out {
                return Err(running());
            }
            if is_taken && !by_hand.is_called_off {
                let request = format!("the request that compensates {}", standing.name());
                return Err(taken(&request, key));
            }
            let Some(error) = error else {
                let call = format!("the call that compensates {}", standing.name());
                return Err(not_failing(&call));
            };
            last_error = Some(error);
            open::close(&mut transaction, key).await?;
        }
    }
    let event = match declared.compensated {
        Some(kind) => event(kind, done.body.as_deref().unwrap_or("{}"))
            .map_err(refused)?
            .map(|body| (kind, body)),
        None => None,
    };
    let failed = failed_message(&mut transaction, saga.0, saga_part, declared).await?;
    let solved = SolvedStep {
        step: standing.name(),
        event,
        earlier: standing.earlier(),
        failed: failed.as_ref().map(|(message, _)| *message),
    };
    if dry_run {
        return Ok(solved);
    }
    let last_error = last_error.or(failed.map(|(_, detail)| detail));
    write(&mut transaction, by_hand, &standing, &solved, &rows, last_error).await?;
    fault::point(FaultPoint::BeforeTables, "solved");
    transaction.commit().await?;
    fault::point(FaultPoint::AfterTables, "solved");
    Ok(solved)
}

async fn how_compensated(
    db: &mut PgConnection,
    saga: Uuid,
    step: &str,
    key: &str,
) -> Result<String, sqlx::Error> {
    let notes = compensations_by_hand::notes(db, saga).await?;
    let note = notes.into_iter().find(|note| note.step == step && note.key == key);
    Ok(match note {
        Some(note) => format!("{} has solved it by hand ({})", note.by, note.why),
        None => "the service has done it".to_owned(),
    })
}

async fn failed_message(
    db: &mut PgConnection,
    saga: Uuid,
    saga_part: &SagaPart,
    step: &StepPart,
) -> Result<Option<(FailedMessageState, String)>, sqlx::Error> {
    let asks: Vec<&str> =
        saga_part.abort.iter().chain(&step.compensated_by).map(|event| event.name()).collect();
    let failed = failures::of_saga(db, saga, &asks).await?;
    Ok(failed.map(|(is_dead, detail)| {
        (if is_dead { FailedMessageState::IsDead } else { FailedMessageState::ComesAgain }, detail)
    }))
}

async fn write(
    db: &mut PgConnection,
    by_hand: &ManualCompensation<'_>,
    standing: &LedgerStep<'_>,
    solved: &SolvedStep,
    rows: &[RowWithBody],
    last_error: Option<String>,
) -> Result<(), sqlx::Error> {
    let ManualCompensation { saga, step, note, message_id, note_id, .. } = by_hand;
    let ordinal = rows.iter().map(|one| one.row.ordinal).max().map_or(0, |last| last + 1);
    let row = recorded_rows::ByHand {
        saga: saga.0,
        at: StepKey { step, key: standing.key() },
        ordinal,
        event: solved.event.as_ref().map(|(kind, body)| (kind.name(), body.as_str(), *message_id)),
        cause: standing.cause(),
    };
    recorded_rows::compensated(db, &row).await?;
    if let Some((kind, body)) = &solved.event {
        let event = dead_events::NewEvent {
            message_id: *message_id,
            event_type: kind.name(),
            saga_id: saga.0,
            causation_id: standing.cause(),
            body,
        };
        dead_events::add(db, &event).await?;
    }
    let note = NewNote {
        saga_id: saga.0,
        saga: standing.saga(),
        step,
        key: standing.key(),
        by: &note.by,
        why: note.why.as_deref().unwrap_or_default(),
        message_id: solved.event.as_ref().map(|_| *message_id),
        last_error,
        goes_on: !solved.earlier.is_empty(),
        note_id: *note_id,
    };
    insert(db, &note).await
}
