//! Sends dead letters back as a person wants it: one of each group first, then the others, and it ends when it is known what
//! became of all.

use std::fmt;
use std::time::Duration;

use sqlx::PgConnection;

use crate::redrive::dead_letters::DeadLetters;
use crate::redrive::error::RedriveError;
use crate::redrive::options::{Progress, RedriveOptions};
use crate::redrive::outcomes::SentBack;
use crate::redrive::plan::Plan;

/// How it is found out what becomes of what is sent back.
pub struct Watching<'a> {
    /// Two connections to the service's database, for the canaries and for the rest. Without one, only an
    /// event that the service published because of a message shows that it was handled.
    pub inboxes: [Option<PgConnection>; 2],
    /// How long the next outcome is waited for.
    pub patience: Duration,
    /// Is called with the number of those sent of which it is known.
    pub known: Progress<'a>,
}

impl fmt::Debug for Watching<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Sends the dead letters of the plan back. With a canary the groups are left out whose first was not handled.
///
/// # Errors
///
/// If the broker does not answer before anything is sent. Of a later error what was sent is told, and the error with it.
pub async fn send_back(
    letters: &DeadLetters,
    plan: &mut Plan,
    has_canary: bool,
    options: &RedriveOptions<'_>,
    watching: Watching<'_>,
) -> Result<SentBack, RedriveError> {
    let Watching { inboxes: [ahead, behind], patience, known } = watching;
    let mut sent = SentBack::default();
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
