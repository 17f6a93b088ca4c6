//! Stops an undecided saga: its deadline passes now, so its owner aborts it.
//!
//! Only the owner may publish the event that aborts. Like a passing deadline, the owner sends itself an event, and
//! judges it under the saga's lock, after the messages before it.

use ballet_core::System;
use ballet_core::fault::{self, FaultPoint};
use ballet_store::deadlines;
use ballet_store::operators::change::change;
use ballet_store::operators::stopped_sagas;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::note::Note;
use crate::sagas::solve_error::{SolveError, refused};

/// A saga that can be stopped by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoppableSaga {
    /// The saga's name.
    pub saga: &'static str,
    /// The service that owns it.
    pub owner: &'static str,
}

/// Returns the sagas that can be stopped because they have a deadline.
#[must_use]
pub fn stoppable(system: &System) -> Vec<StoppableSaga> {
    let owned = system.parts.iter().flat_map(|part| {
        part.sagas.iter().filter(|saga| saga.owner == part.service && saga.deadline.is_some())
    });
    owned.map(|saga| StoppableSaga { saga: saga.saga, owner: saga.owner }).collect()
}

/// Stops a saga, and records who did it and why. `db` is the owner's database. If the owner commits its decision before
/// it handles the stop, the decision holds. A dry run changes nothing, and fails as the stop would.
///
/// # Errors
///
/// If the saga is not open, or the database has an error. Nothing is changed then.
pub async fn stop(
    db: &mut PgConnection,
    saga: StoppableSaga,
    id: Uuid,
    note: &Note,
    dry_run: bool,
) -> Result<(), SolveError> {
    let mut transaction = change(db).await?;
    if !deadlines::pass_now(&mut transaction, id, saga.saga).await? {
        let stopped = stopped_sagas::pending(&mut transaction, id, saga.saga).await?;
        let StoppableSaga { owner, saga } = saga;
        return Err(refused(match stopped {
            Some((by, why)) => {
                format!(
                    "{by} has stopped it ({why}): the owner aborts it within seconds if it runs"
                )
            }
            None => format!(
                "{owner} has no undecided {saga} {id}: it is decided or aborted, has not begun, or its deadline has \
                 passed (ballet sagas show {id})"
            ),
        }));
    }
    if dry_run {
        transaction.rollback().await?;
        return Ok(());
    }
    let why = note.why.as_deref().unwrap_or_default();
    stopped_sagas::insert(&mut transaction, id, saga.saga, &note.by, why).await?;
    fault::point(FaultPoint::BeforeTables, "stopped");
    transaction.commit().await?;
    fault::point(FaultPoint::AfterTables, "stopped");
    Ok(())
}
