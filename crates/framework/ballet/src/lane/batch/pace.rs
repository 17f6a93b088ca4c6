//! How many messages one transaction takes, to last about a tenth of a second.
//!
//! Until it commits, others wait for the locks of its sagas.

use std::time::Duration;

/// How long handlers run until their transaction commits. The remaining messages come next.
pub(crate) const TURN: Duration = Duration::from_millis(100);

/// How many messages fit into one turn; `None` while that is no limit.
#[derive(Debug, Default)]
pub(crate) struct Pace(Option<usize>);

impl Pace {
    pub(crate) fn limit(&self, most: usize) -> usize {
        self.0.map_or(most, |pace| pace.min(most))
    }

    pub(crate) fn learn(&mut self, handled: usize, took: Duration, most: usize) {
        if took > TURN {
            let one = took.as_micros() / (handled as u128).max(1);
            let fit = usize::try_from(TURN.as_micros() / one.max(1)).unwrap_or(most);
            self.0 = Some(fit.max(1)).filter(|pace| *pace < most);
        } else if took < TURN * 2 / 3
            && let Some(pace) = self.0.filter(|pace| handled >= *pace)
        {
            self.0 = Some(pace + pace.div_ceil(2)).filter(|pace| *pace < most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 250;

    #[test]
    fn slow_messages_make_short_transactions_and_quick_ones_long_again() {
        let mut pace = Pace::default();
        assert_eq!(pace.limit(MOST), MOST);
        pace.learn(MOST, TURN * 50, MOST);
        assert_eq!(pace.limit(MOST), 5);
        pace.learn(1, TURN * 2, MOST);
        assert_eq!(pace.limit(MOST), 1);
        // As long as a message takes a turn, one is enough.
        pace.learn(1, TURN, MOST);
        assert_eq!(pace.limit(MOST), 1);
        for expected in [2, 3, 5, 8, 12, 18, 27, 41, 62, 93, 140, 210, MOST, MOST] {
            pace.learn(pace.limit(MOST), TURN / 10, MOST);
            assert_eq!(pace.limit(MOST), expected);
        }
    }
}
