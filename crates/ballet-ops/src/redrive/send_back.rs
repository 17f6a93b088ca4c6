//! Sends dead letters back as a person wants it: one of each group first, then the others, and it ends when it is known what
//! became of all.

use std::fmt;
use std::time::Duration;

use sqlx::PgConnection;

use crate::redrive::canary::Canary;
use crate::redrive::dead_letters::DeadLetters;
use crate::redrive::error::RedriveError;
use crate::redrive::options::{Progress, RedriveOptions};
use crate::redrive::outcomes::Outcomes;
use crate::redrive::plan::Plan;
use crate::redrive::summary::Summary;

/// What became of dead letters that were sent back.
#[derive(Debug, Default)]
pub struct SentBack {
    /// Those that were sent ahead of their groups.
    pub canaries: Vec<Canary>,
    /// What was sent.
    pub summary: Summary,
    /// What became of it, the canaries among them.
    pub outcomes: Outcomes,
}

/// How it is found out what becomes of what is sent back.
pub struct Watching<'a> {
    /// Two connections to the service's database, as [`DeadLetters::canaries`] wants one.
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
/// If the broker or the database does not answer. What was sent before stays sent.
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
        let (canaries, first) = letters.canaries(plan, options, ahead, patience).await?;
        canaries.iter().for_each(|canary| sent.outcomes.add(&canary.outcome));
        (sent.canaries, sent.summary) = (canaries, first);
    }
    if sent.summary.stopped {
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
    let (rest, found) = letters.redrive_watched(plan, &options, behind, patience, &known).await?;
    sent.summary.add(rest);
    sent.outcomes.merge(found);
    Ok(sent)
}
