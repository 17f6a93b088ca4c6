//! Whether the provider of a line's calls is unavailable, and how the calls slow down while it is.

use ballet_amqp::Backoff;
use tokio::time::Instant;

/// After this many failures in a row, at least, the provider counts as unavailable.
const AWAY_AFTER: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct ProviderState {
    failures_in_a_row: usize,
    /// The number of portions since the provider is unavailable.
    portions: u32,
    /// While the provider is unavailable: when the next portion begins.
    not_before: Option<Instant>,
}

impl ProviderState {
    pub(crate) const fn is_away(&self) -> bool {
        self.not_before.is_some()
    }

    pub(crate) const fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    pub(crate) fn begin_portion(&mut self, now: Instant) {
        if self.is_away() {
            self.portions = self.portions.saturating_add(1);
            self.not_before = Some(now + Backoff::PROVIDER.after(self.portions));
        }
    }

    /// Returns true if the provider counted as unavailable.
    pub(crate) fn answered(&mut self) -> bool {
        let was_away = self.is_away();
        *self = Self::default();
        was_away
    }

    /// Notes a failed attempt of a line that makes at most `limit` at a time. Returns true if the
    /// provider counts as unavailable from now on.
    pub(crate) fn failed(&mut self, limit: usize) -> bool {
        self.failures_in_a_row += 1;
        let is_new = self.failures_in_a_row >= limit.max(AWAY_AFTER) && !self.is_away();
        if is_new {
            self.portions = 1;
            self.not_before = Some(Instant::now() + Backoff::PROVIDER.after(1));
        }
        is_new
    }
}
