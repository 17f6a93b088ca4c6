//! Sends dead letters back as a person wants it: one of each group first, then the others, and it ends when it is known what
//! became of all.

use std::time::Duration;

use sqlx::PgConnection;

use crate::redrive::canary::Canary;
use crate::redrive::dead_letters::DeadLetters;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
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

/// Sends the dead letters of the plan back. With a canary the groups are left out whose first was not handled. The
/// outcome is waited for as long as `patience`, for the canaries and for the others. `inboxes` are two connections
/// to the service's database, as [`DeadLetters::canaries`] wants one.
///
/// # Errors
///
/// If the broker or the database does not answer. What was sent before stays sent.
pub async fn send_back(
    letters: &DeadLetters,
    plan: &mut Plan,
    has_canary: bool,
    options: &RedriveOptions<'_>,
    inboxes: [Option<PgConnection>; 2],
    patience: Duration,
) -> Result<SentBack, RedriveError> {
    let [ahead, behind] = inboxes;
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
    let options = RedriveOptions {
        note: options.note.clone(),
        stop: options.stop.clone(),
        progress: &progress,
        ..*options
    };
    let (rest, found) = letters.redrive_watched(plan, &options, behind, patience).await?;
    sent.summary.add(rest);
    sent.outcomes.merge(found);
    Ok(sent)
}
