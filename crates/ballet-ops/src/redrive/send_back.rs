//! Sends dead letters back for a person: one of each group first, then the others. It ends when the outcomes of all are
//! known, or patience ends.

use std::fmt;
use std::time::Duration;

use sqlx::PgConnection;

use crate::redrive::dead_letters::DeadLetters;
use crate::redrive::error::RedriveError;
use crate::redrive::options::{Progress, RedriveOptions};
use crate::redrive::outcomes::SendBackResult;
use crate::redrive::plan::DeadLetterPlan;

/// The ways to find out the outcomes of messages that are sent back.
pub struct OutcomeWatch<'a> {
    /// Two connections to the service's database, for the canaries and for the rest. Without one, only an
    /// event that the service published because of a message shows that it was handled.
    pub inboxes: [Option<PgConnection>; 2],
    /// The longest wait for the next outcome.
    pub patience: Duration,
    /// Called with the number of known outcomes.
    pub known: Progress<'a>,
}

impl fmt::Debug for OutcomeWatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeWatch").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Sends the dead letters of the plan back. With canaries, groups whose canary was not handled are left out.
///
/// # Errors
///
/// If the broker fails before anything is sent. A later error is in the result, with the messages that were sent.
pub async fn send_back(
    letters: &DeadLetters,
    plan: &mut DeadLetterPlan,
    has_canary: bool,
    options: &RedriveOptions<'_>,
    watching: OutcomeWatch<'_>,
) -> Result<SendBackResult, RedriveError> {
    let OutcomeWatch { inboxes: [ahead, behind], patience, known } = watching;
    let mut sent = SendBackResult::default();
    if has_canary {
        sent = letters.canaries(plan, options, ahead, patience).await?;
    }
    if sent.summary.stopped || sent.error.is_some() {
        return Ok(sent);
    }
    let first = sent.summary.removed;
    let progress = |done: u64| (options.progress)(first + done);
    let known = |of: u64| known(first + of);
    let options = RedriveOptions {
        note: options.note.clone(),
        stop: options.stop.clone(),
        progress: &progress,
        ..*options
    };
    match letters.redrive_watched(plan, &options, behind, patience, &known).await {
        Ok(rest) => sent.add(rest),
        Err(error) if first == 0 => return Err(error),
        Err(error) => sent.error = Some(error),
    }
    Ok(sent)
}
