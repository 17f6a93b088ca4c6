//! How far one channel's deliveries are settled without a gap.

use std::collections::VecDeque;

/// The outstanding delivery tags of one channel.
///
/// Acknowledging with `multiple` is only right up to the highest tag below which everything is
/// settled; a lane's own highest tag would acknowledge its neighbours' uncommitted messages.
#[derive(Debug, Default)]
pub struct Watermark {
    /// Everything up to here is settled.
    low: u64,
    /// Whether `low + 1`, `low + 2`, ... are settled.
    settled: VecDeque<bool>,
    /// How many of them are not.
    outstanding: usize,
}

impl Watermark {
    /// Nothing delivered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The broker delivered `tag`. A channel counts its deliveries one by one; if some were left
    /// out, they are with the broker as unsettled, and stay so here.
    pub fn delivered(&mut self, tag: u64) {
        while self.low + (self.settled.len() as u64) < tag {
            self.settled.push_back(false);
            self.outstanding += 1;
        }
    }

    /// `tag` is committed or safely set aside. Returns the new highest tag below which everything
    /// is settled, if it moved. A tag that is not outstanding changes nothing.
    pub fn settled(&mut self, tag: u64) -> Option<u64> {
        let index = usize::try_from(tag.checked_sub(self.low + 1)?).ok()?;
        let settled = self.settled.get_mut(index)?;
        if std::mem::replace(settled, true) {
            return None;
        }
        self.outstanding -= 1;
        let before = self.low;
        while self.settled.front() == Some(&true) {
            self.settled.pop_front();
            self.low += 1;
        }
        (self.low > before).then_some(self.low)
    }

    /// How many deliveries are not settled.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn in_order_each_settle_moves_it() {
        let mut mark = Watermark::new();
        mark.delivered(1);
        mark.delivered(2);
        assert_eq!(mark.settled(1), Some(1));
        assert_eq!(mark.settled(2), Some(2));
        assert_eq!(mark.outstanding(), 0);
    }

    #[test]
    fn waits_for_the_gap() {
        let mut mark = Watermark::new();
        (1..=3).for_each(|tag| mark.delivered(tag));
        assert_eq!(mark.settled(3), None);
        assert_eq!(mark.settled(2), None);
        assert_eq!(mark.settled(1), Some(3));
    }

    #[test]
    fn ignores_what_is_not_outstanding() {
        let mut mark = Watermark::new();
        assert_eq!(mark.settled(0), None);
        assert_eq!(mark.settled(1), None);
        mark.delivered(1);
        assert_eq!(mark.settled(1), Some(1));
        assert_eq!(mark.settled(1), None);
        assert_eq!(mark.settled(u64::MAX), None);
    }

    #[test]
    fn a_delivery_left_out_is_never_acknowledged() {
        let mut mark = Watermark::new();
        mark.delivered(1);
        mark.delivered(3);
        assert_eq!(mark.settled(3), None);
        assert_eq!(mark.settled(1), Some(1));
        assert_eq!(mark.outstanding(), 1);
    }

    proptest! {
        /// Deliveries and settles in any order: never an unsettled tag below the mark, and
        /// everything below it in the end.
        #[test]
        fn never_passes_an_unsettled_tag(
            order in (1_u64..200).prop_flat_map(|n| Just((1..=n).collect::<Vec<_>>()).prop_shuffle()),
            ahead in 0_u64..20,
        ) {
            let count = order.len() as u64;
            let mut mark = Watermark::new();
            let mut delivered = 0;
            let mut settled = vec![false; order.len() + 1];
            let mut acked = 0;
            for tag in order {
                while delivered < (tag + ahead).min(count) {
                    delivered += 1;
                    mark.delivered(delivered);
                }
                settled[usize::try_from(tag).unwrap()] = true;
                if let Some(to) = mark.settled(tag) {
                    prop_assert!(to > acked);
                    acked = to;
                }
                let gapless = settled.iter().skip(1).take_while(|done| **done).count() as u64;
                prop_assert_eq!(acked, gapless, "neither past an unsettled tag nor behind");
            }
            prop_assert_eq!(acked, count);
            prop_assert_eq!(mark.outstanding(), 0);
        }
    }
}
