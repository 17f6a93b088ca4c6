//! The watermark: the tag up to which all deliveries of a channel are settled.

use std::collections::VecDeque;

/// The outstanding delivery tags of one channel.
///
/// An ack with `multiple` may only name a tag up to which everything is settled. A lane's highest
/// tag would acknowledge uncommitted messages of others.
#[derive(Debug, Default)]
pub struct Watermark {
    /// Everything up to here is settled.
    low: u64,
    /// Whether `low + 1`, `low + 2`, ... are settled.
    settled: VecDeque<bool>,
    /// The number of entries in `settled` that are false.
    outstanding: usize,
}

impl Watermark {
    /// Creates a watermark with no deliveries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that the broker delivered `tag`. Skipped tags are unsettled at the broker, and stay
    /// unsettled here.
    pub fn delivered(&mut self, tag: u64) {
        while self.low + (self.settled.len() as u64) < tag {
            self.settled.push_back(false);
            self.outstanding += 1;
        }
    }

    /// Records that `tag` is committed or safely set aside. Returns the new watermark if it moved.
    /// A tag that is not outstanding changes nothing.
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

    /// Returns the number of unsettled deliveries.
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
    fn a_delivery_left_out_is_never_acknowledged() {
        let mut mark = Watermark::new();
        mark.delivered(1);
        mark.delivered(3);
        assert_eq!(mark.settled(3), None);
        assert_eq!(mark.settled(1), Some(1));
        assert_eq!(mark.outstanding(), 1);
    }

    proptest! {
        /// Delivers and settles in any order. No unsettled tag is ever below the watermark, and in
        /// the end every tag is.
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
