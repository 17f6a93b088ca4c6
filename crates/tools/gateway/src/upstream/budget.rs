//! The budget of retries: a fifth of the requests, so that they cannot multiply an excessive load.

use std::sync::atomic::{AtomicU32, Ordering};

const PER_REQUEST: u32 = 2;
const PER_RETRY: u32 = 10;
const MOST: u32 = 100;

#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(MOST))
    }

    pub(crate) fn request(&self) {
        let more = |left: u32| (left < MOST).then(|| (left + PER_REQUEST).min(MOST));
        let _full = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    pub(crate) fn retry(&self) -> bool {
        let less = |left: u32| left.checked_sub(PER_RETRY);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_retries_at_once_then_one_for_five_requests() {
        let budget = RetryBudget::new();
        assert_eq!((0..50).filter(|_| budget.retry()).count(), 10);
        let retried = (0..50).filter(|_| {
            budget.request();
            budget.retry()
        });
        assert_eq!(retried.count(), 10);
    }
}
