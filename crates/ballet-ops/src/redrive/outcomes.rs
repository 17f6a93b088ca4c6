//! What became of redriven messages, counted.

use std::collections::BTreeMap;
use std::fmt;

use crate::redrive::canary::RedriveOutcome;
use crate::redrive::cause::cause_of;

/// What became of redriven messages, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The number that were handled.
    pub handled: u64,
    /// The number that were neither handled nor dead in time.
    pub unknown: u64,
    /// How many died again, by reason and cause.
    pub dead_again: BTreeMap<String, u64>,
}

impl Outcomes {
    /// What is known of as many messages as were sent. Of the others it is unknown.
    pub(crate) fn of<'a>(known: impl Iterator<Item = &'a RedriveOutcome>, sent: u64) -> Self {
        let mut outcomes = Self::default();
        known.for_each(|one| outcomes.add(one));
        outcomes.unknown = sent.saturating_sub(outcomes.handled + outcomes.dead());
        outcomes
    }

    /// How many died again.
    #[must_use]
    pub fn dead(&self) -> u64 {
        self.dead_again.values().sum()
    }

    /// Of what they died again, a sentence each.
    pub fn deaths(&self) -> impl Iterator<Item = String> {
        self.dead_again.iter().map(|(what, count)| format!("{count} died again: {what}"))
    }

    /// Adds those of others.
    pub fn merge(&mut self, more: Self) {
        self.handled += more.handled;
        self.unknown += more.unknown;
        for (what, count) in more.dead_again {
            *self.dead_again.entry(what).or_default() += count;
        }
    }

    /// Counts one.
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

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} handled, {} dead again", self.handled, self.dead())?;
        match self.unknown {
            0 => Ok(()),
            unknown => write!(f, ", {unknown} neither in time"),
        }
    }
}
