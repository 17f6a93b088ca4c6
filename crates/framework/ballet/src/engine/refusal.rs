//! A refusal leaves nothing of its step but the event.
//!
//! Most steps are done, and most that refuse look before they write, so a batch begins without
//! savepoints. If a step refuses that may have written, the batch is rolled back and runs again
//! with care: with a savepoint for each step that may refuse. Its lane goes on with care for a
//! while.

use ballet_core::StepPart;

use crate::declare::erased::outcome::AnyOutcome;
use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::transaction::Transaction;

const FIRST: &str = "savepoint ballet_step";
/// One savepoint at a time, since the server is slow with many.
const NEXT: &str = "release savepoint ballet_step; savepoint ballet_step";
const BACK: &str = "rollback to savepoint ballet_step";

pub(crate) struct BeforeStep {
    emitted: usize,
    hurried: bool,
}

pub(crate) async fn before(
    transaction: &mut Transaction<'_>,
    step: &StepPart,
) -> Result<Option<BeforeStep>, Failure> {
    if step.refused.is_none() {
        return Ok(None);
    }
    transaction.scope.has_statements = false;
    if transaction.is_careful {
        let savepoint = if transaction.has_savepoint { NEXT } else { FIRST };
        answered(sqlx::raw_sql(savepoint).execute(transaction.db())).await?;
        transaction.has_savepoint = true;
    }
    let scope = &transaction.scope;
    Ok(Some(BeforeStep { emitted: scope.emitted.len(), hurried: scope.hurried }))
}

pub(crate) async fn after(
    transaction: &mut Transaction<'_>,
    before: Option<BeforeStep>,
    outcome: &AnyOutcome,
) -> Result<(), Failure> {
    match (before, outcome) {
        (Some(before), AnyOutcome::Refused(_)) => take_back(transaction, &before).await.map(drop),
        _ => Ok(()),
    }
}

/// Takes back what was written and published since. Returns false if there was nothing, or if the batch runs again.
pub(crate) async fn take_back(
    transaction: &mut Transaction<'_>,
    before: &BeforeStep,
) -> Result<bool, Failure> {
    let scope = &transaction.scope;
    if !scope.has_statements && scope.emitted.len() == before.emitted {
        return Ok(false);
    }
    transaction.needs_care = true;
    if transaction.runs_again() {
        return Ok(false);
    }
    answered(sqlx::raw_sql(BACK).execute(transaction.db())).await?;
    transaction.scope.emitted.truncate(before.emitted);
    transaction.scope.hurried = before.hurried;
    Ok(true)
}
