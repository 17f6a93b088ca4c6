//! Seeds, from which alone all choices of a schedule come.

use std::fmt;
use std::str::FromStr;

/// The numbers that choose a schedule: `7`, or `7:5+19`, which takes the first five actions from 7 and the others from
/// 19.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Each with the number of the action before which it ends.
    before: Vec<(u64, usize)>,
    last: u64,
}

impl Seed {
    /// The seed of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self { before: Vec::new(), last: number }
    }

    /// A seed with the first actions of this one, and others from then on.
    #[must_use]
    pub fn branch(&self, actions: usize, number: u64) -> Self {
        let mut before: Vec<_> =
            self.before.iter().copied().take_while(|(_, end)| *end < actions).collect();
        let next = self.before.get(before.len()).map_or(self.last, |(number, _)| *number);
        before.push((next, actions));
        Self { before, last: number }
    }

    /// The number of what clients do: the same for all branches.
    pub(super) fn scene(&self) -> usize {
        let first = self.before.first().map_or(self.last, |(number, _)| *number);
        Choices(!first).below(1 << 20)
    }

    /// The choices of the action at this position.
    #[must_use]
    pub fn choices(&self, action: usize) -> Choices {
        let part = self.before.iter().find(|(_, end)| action < *end);
        let number = part.map_or(self.last, |(number, _)| *number);
        Choices(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((action as u64) << 32))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.before.iter().try_for_each(|(number, end)| write!(f, "{number}:{end}+"))?;
        write!(f, "{}", self.last)
    }
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no seed: one is written as 7 or 7:5+19");
        let (before, last) = text.rsplit_once('+').unwrap_or(("", text));
        let part = |part: &str| {
            let (number, end) = part.split_once(':')?;
            Some((number.parse().ok()?, end.parse().ok()?))
        };
        let parts = before.split('+').filter(|part| !part.is_empty());
        let before = parts.map(part).collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { before, last: last.parse().map_err(|_| wrong())? })
    }
}

/// A source of numbers: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Debug, Clone)]
pub struct Choices(u64);

impl Choices {
    /// A source that begins with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `count`, or 0 if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.number() % count).unwrap_or_default()
    }

    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_has_the_first_actions_of_its_seed_and_is_read_as_written() {
        let (seed, other) = (Seed::new(7), Seed::new(19));
        let branch = seed.branch(5, 19).branch(9, 3);
        assert_eq!(branch.to_string(), "7:5+19:9+3");
        assert_eq!(branch.to_string().parse(), Ok(branch.clone()));
        assert_eq!(branch.branch(4, 8).to_string(), "7:4+8");
        let first = |seed: &Seed, at| seed.choices(at).number();
        assert_eq!(first(&branch, 4), first(&seed, 4));
        assert_eq!(first(&branch, 5), first(&other, 5));
        assert_eq!(first(&branch, 9), first(&Seed::new(3), 9));
        assert!("7:x+1".parse::<Seed>().is_err());
    }
}
