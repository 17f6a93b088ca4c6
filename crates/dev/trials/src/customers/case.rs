//! The cases: the kinds of customers, and their shares.

/// A kind of customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<C> {
    /// The name in reports.
    pub name: &'static str,
    /// The number of such customers in a hundred.
    pub share: u32,
    /// The argument for [`Trial::play`](crate::Trial::play).
    pub what: C,
}

impl<C> Case<C> {
    /// A case for this many of a hundred customers.
    pub const fn new(name: &'static str, share: u32, what: C) -> Self {
        Self { name, share, what }
    }
}

/// The cases' numbers, shuffled. The first kind fills the remainder.
pub(crate) fn mix(shares: &[u32], count: u32) -> Vec<usize> {
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    let mut all: Vec<usize> = Vec::new();
    for (kind, share) in shares.iter().enumerate().skip(1) {
        all.extend((0..(count * share / 100).max(1)).map(|_| kind));
    }
    all.truncate(wanted);
    if !shares.is_empty() {
        all.resize(wanted, 0);
    }
    // The same order in every run.
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| at.wrapping_mul(0x9e37_79b9) % 0x1_0000_0001);
    order.into_iter().map(|at| all[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_hundred_have_all_kinds_and_the_first_hundred_nearly_all() {
        let shares = [60, 20, 10, 5, 3, 2];
        let all = mix(&shares, 300);
        assert_eq!(all.len(), 300);
        for (kind, share) in shares.iter().enumerate() {
            let count = all.iter().filter(|one| **one == kind).count();
            assert_eq!(count, 3 * *share as usize, "{kind}");
        }
        let first = (0..shares.len()).filter(|kind| all[..100].contains(kind)).count();
        assert!(first > 4, "{first}");
        assert_eq!(mix(&shares, 7).len(), 7);
        assert_eq!(mix(&[], 300), [0; 0]);
    }
}
