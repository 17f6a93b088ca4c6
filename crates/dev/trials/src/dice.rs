//! Random choices that can be repeated: the same seed gives the same choices.

use std::time::Duration;

use fastrand::Rng;

/// A source of random choices.
#[derive(Debug, Clone)]
pub struct Dice(Rng);

impl Dice {
    /// The dice for one part of a run. Each part draws at its own pace.
    #[must_use]
    pub fn new(seed: u64, part: u64) -> Self {
        Self(Rng::with_seed(seed ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03)))
    }

    /// A number less than `count`, or 0 if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.usize(..count.max(1))
    }

    /// Returns true once in `count` times on average.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// A duration between `from` and `to` milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.0.u64(from..to.max(from + 1)))
    }

    /// One of the elements, if there are any.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        self.0.choice(from)
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
