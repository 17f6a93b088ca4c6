//! The permits of one client that this process has.

use std::time::{Duration, Instant};

use crate::limits::verdict::Verdict;

/// Permits for a window.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Leased and not used.
    permits: u32,
    /// What other processes have left, as far as known.
    elsewhere: u32,
    ends: Instant,
}

impl Bucket {
    /// `seconds` from `asked`, the moment before the question, so that permits never outlive their
    /// window.
    pub(crate) fn new(permits: u32, elsewhere: u32, asked: Instant, window: Duration) -> Self {
        Self { permits, elsewhere, ends: asked + window }
    }

    /// The rest of the window without the other processes: the whole rate for this one.
    pub(crate) fn alone(&self, requests: u32) -> Self {
        Self { permits: requests, elsewhere: 0, ends: self.ends }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.ends <= now
    }

    /// How long there are no permits any more, here and elsewhere.
    pub(crate) fn spent(&self, now: Instant) -> Option<Duration> {
        let none_left = self.permits == 0 && self.elsewhere == 0;
        (none_left && !self.is_over(now)).then(|| self.ends.saturating_duration_since(now))
    }

    /// The verdict, if it can be given without asking for more permits.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Verdict> {
        if self.is_over(now) {
            return None;
        }
        let allowed = match (self.permits, self.elsewhere) {
            (0, 0) => false,
            (0, _) => return None,
            _ => {
                self.permits -= 1;
                true
            }
        };
        let left = self.permits.saturating_add(self.elsewhere);
        Some(Verdict { allowed, left, reset: self.ends.saturating_duration_since(now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_used_up_and_end_with_their_window() {
        let now = Instant::now();
        let window = Duration::from_secs(10);
        let mut bucket = Bucket::new(2, 1, now, window);
        assert_eq!(bucket.take(now).map(|verdict| verdict.left), Some(2));
        assert_eq!(bucket.take(now).map(|verdict| verdict.left), Some(1));
        assert_eq!(bucket.take(now), None, "there may be more elsewhere");
        let mut used_up = Bucket::new(0, 0, now, window);
        assert_eq!(used_up.take(now).map(|verdict| verdict.allowed), Some(false));
        assert_eq!(used_up.take(now + window), None, "the next window");
    }
}
