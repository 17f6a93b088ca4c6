//! The outcomes of messages that were sent back, one by one and counted.

use std::collections::BTreeMap;
use std::fmt;

use crate::redrive::cause::cause_of;
use crate::redrive::error::RedriveError;
use crate::redrive::groups::GroupKey;
use crate::redrive::summary::Summary;

/// The outcome of a redriven message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedriveOutcome {
    /// The service has handled it, now or before.
    Handled,
    /// It is a dead letter again.
    DeadAgain {
        /// The reason as a code.
        reason: String,
        /// The reason in a sentence.
        detail: Option<String>,
    },
    /// It was neither handled nor dead in time. It may still wait, or be retried later.
    Unknown,
}

/// A dead letter that was sent ahead of its group, with its outcome.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The group.
    pub group: GroupKey,
    /// The message's id.
    pub id: String,
    /// Its outcome.
    pub outcome: RedriveOutcome,
}

/// The result of sending dead letters back.
#[derive(Debug, Default)]
pub struct SendBackResult {
    /// The dead letters that were sent ahead of their groups.
    pub canaries: Vec<Canary>,
    /// The summary of the messages that were sent.
    pub summary: Summary,
    /// The counted outcomes, including those of the canaries.
    pub outcomes: RedriveOutcomeCounts,
    /// The reason why the rest was not sent, if the broker failed.
    pub error: Option<RedriveError>,
}

impl SendBackResult {
    /// Makes the result of a run from its end, which may be a failure on the way.
    pub(crate) fn ended(summary: Summary, ended: Result<bool, RedriveError>) -> Self {
        let (stopped, error) = match ended {
            Ok(stopped) => (stopped, None),
            Err(error) => (false, Some(error)),
        };
        Self { summary: Summary { stopped, ..summary }, error, ..Self::default() }
    }

    /// Adds the result of a later run.
    pub(crate) fn add(&mut self, more: Self) {
        self.canaries.extend(more.canaries);
        self.summary.add(more.summary);
        self.outcomes.merge(more.outcomes);
        self.error = self.error.take().or(more.error);
    }
}

/// The counted outcomes of redriven messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedriveOutcomeCounts {
    /// The number that were handled.
    pub handled: u64,
    /// The number that were neither handled nor dead in time.
    pub unknown: u64,
    /// The number that died again, by reason and cause.
    pub dead_again: BTreeMap<String, u64>,
}

impl RedriveOutcomeCounts {
    /// Counts the known outcomes among the messages that were sent. The others are unknown.
    pub(crate) fn of<'a>(known: impl Iterator<Item = &'a RedriveOutcome>, sent: u64) -> Self {
        let mut outcomes = Self::default();
        known.for_each(|one| outcomes.add(one));
        outcomes.unknown = sent.saturating_sub(outcomes.handled + outcomes.dead());
        outcomes
    }

    /// Returns the number that died again.
    #[must_use]
    pub fn dead(&self) -> u64 {
        self.dead_again.values().sum()
    }

    /// Returns a sentence for each reason for which messages died again.
    pub fn deaths(&self) -> impl Iterator<Item = String> {
        self.dead_again.iter().map(|(what, count)| format!("{count} died again: {what}"))
    }

    /// Adds the counts of other messages.
    pub fn merge(&mut self, more: Self) {
        self.handled += more.handled;
        self.unknown += more.unknown;
        for (what, count) in more.dead_again {
            *self.dead_again.entry(what).or_default() += count;
        }
    }

    /// Counts an outcome.
    pub fn add(&mut self, outcome: &RedriveOutcome) {
        match outcome {
            RedriveOutcome::Handled => self.handled += 1,
            RedriveOutcome::Unknown => self.unknown += 1,
            RedriveOutcome::DeadAgain { reason, detail } => {
                let cause = detail.as_deref().map(cause_of);
                let what =
                    cause.map_or_else(|| reason.clone(), |cause| format!("{reason}: {cause}"));
                *self.dead_again.entry(what).or_default() += 1;
            }
        }
    }
}

impl fmt::Display for RedriveOutcomeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} handled, {} dead again", self.handled, self.dead())?;
        match self.unknown {
            0 => Ok(()),
            unknown => write!(f, ", {unknown} neither in time"),
        }
    }
}
