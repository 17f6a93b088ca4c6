//! What became of dead letters that were sent back.

use crate::redrive::canary::Canary;
use crate::redrive::error::RedriveError;
use crate::redrive::outcomes::Outcomes;
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
    /// Why the rest was not sent, if the broker failed.
    pub error: Option<RedriveError>,
}

impl SentBack {
    /// What a run has sent that ended like this, also if it failed on the way.
    pub(crate) fn ended(summary: Summary, ended: Result<bool, RedriveError>) -> Self {
        let (stopped, error) = match ended {
            Ok(stopped) => (stopped, None),
            Err(error) => (false, Some(error)),
        };
        Self { summary: Summary { stopped, ..summary }, error, ..Self::default() }
    }

    /// Adds what was sent after it.
    pub(crate) fn add(&mut self, more: Self) {
        self.canaries.extend(more.canaries);
        self.summary.add(more.summary);
        self.outcomes.merge(more.outcomes);
        self.error = self.error.take().or(more.error);
    }
}
