//! The permits of one client in this process.

use std::time::{Duration, Instant};

use crate::limits::verdict::RateVerdict;

/// Permits for a window.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// The permits that are leased and not used.
    permits: u32,
    /// The permits that can still be leased, as far as known.
    elsewhere: u32,
    /// The last portion that was leased.
    portion: u32,
    /// Whether the next portion has been asked for.
    asked: bool,
    ends: Instant,
}

impl Bucket {
    /// Leased permits are valid for `window` from `asked`, the moment before the question, so they never outlive their
    /// window.
    pub(crate) fn new(permits: u32, elsewhere: u32, asked: Instant, window: Duration) -> Self {
        Self { permits, elsewhere, portion: permits, asked: false, ends: asked + window }
    }

    /// The whole rate for this process alone, for the rest of the window.
    pub(crate) fn alone(&self, requests: u32) -> Self {
        Self { permits: requests, elsewhere: 0, portion: requests, asked: false, ends: self.ends }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.ends <= now
    }

    /// Whether to ask for the next portion now, so that no request has to wait for it: half of the last one is used up.
    /// Returns true once for each portion.
    pub(crate) fn runs_low(&mut self) -> bool {
        let low = self.permits <= self.portion / 2 && self.elsewhere > 0 && !self.asked;
        self.asked |= low;
        low
    }

    /// Whether the next portion has been asked for and is not there yet.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked
    }

    /// Adds a portion that was asked for, or nothing if none came. Permits end no later than their window, so two
    /// portions that are both valid are of the same window.
    pub(crate) fn add(&mut self, portion: Option<Self>, now: Instant) {
        self.asked = false;
        let Some(portion) = portion.filter(|portion| !portion.is_over(now)) else { return };
        let permits = if self.is_over(now) { 0 } else { self.permits };
        let ends = if self.is_over(now) { portion.ends } else { self.ends.min(portion.ends) };
        *self = Self { permits: permits.saturating_add(portion.permits), ends, ..portion };
    }

    /// Returns how long there will be no permits, here and elsewhere.
    pub(crate) fn spent(&self, now: Instant) -> Option<Duration> {
        let none_left = self.permits == 0 && self.elsewhere == 0;
        (none_left && !self.is_over(now)).then(|| self.ends.saturating_duration_since(now))
    }

    /// Returns the verdict, if it needs no further permits.
    pub(crate) fn take(&mut self, now: Instant) -> Option<RateVerdict> {
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
        Some(RateVerdict { allowed, left, reset: self.ends.saturating_duration_since(now) })
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

    #[test]
    fn the_next_portion_is_asked_for_once_and_before_the_last_is_used_up() {
        let now = Instant::now();
        let window = Duration::from_secs(10);
        let mut bucket = Bucket::new(4, 6, now, window);
        let mut low = Vec::new();
        for _ in 0..3 {
            assert!(bucket.take(now).is_some());
            low.push(bucket.runs_low());
        }
        assert_eq!(low, [false, true, false]);
        bucket.add(Some(Bucket::new(4, 2, now, window)), now);
        assert_eq!(bucket.take(now).map(|verdict| verdict.left), Some(6));
        bucket.add(None, now);
        let mut last = Bucket::new(1, 0, now, window);
        assert!(last.take(now).is_some() && !last.runs_low(), "there are no more");
    }

    #[test]
    fn a_portion_counts_in_its_window_only() {
        let now = Instant::now();
        let window = Duration::from_secs(10);
        let later = now + window;
        let mut bucket = Bucket::new(4, 6, now, window);
        bucket.add(Some(Bucket::new(3, 7, later, window)), later);
        assert_eq!(bucket.take(later).map(|verdict| verdict.left), Some(9), "of the new window");
        bucket.add(Some(Bucket::new(3, 7, now, window)), later);
        assert_eq!(bucket.take(later).map(|verdict| verdict.left), Some(8), "it came too late");
    }
}
