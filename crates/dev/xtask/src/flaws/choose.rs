//! The choice of flaws: one of each kind in turn, so that no kind with many places crowds out the others.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

/// All flaws in the order in which they are taken. It follows from the seed and their names, so that a place that goes
/// changes nothing for the others.
pub(crate) fn in_turn<T>(
    found: Vec<T>,
    seed: u64,
    kind: impl Fn(&T) -> &'static str,
    name: impl Fn(&T) -> String,
) -> Vec<T> {
    let mut kinds: Vec<(&'static str, Vec<T>)> = Vec::new();
    for flaw in found {
        let name = kind(&flaw);
        match kinds.iter_mut().find(|(known, _)| *known == name) {
            Some((_, flaws)) => flaws.push(flaw),
            None => kinds.push((name, vec![flaw])),
        }
    }
    let chance = |flaw: &T| hash_of((seed, name(flaw)));
    kinds.iter_mut().for_each(|(_, flaws)| flaws.sort_by_cached_key(chance));
    let mut chosen = Vec::new();
    while kinds.iter().any(|(_, flaws)| !flaws.is_empty()) {
        chosen.extend(kinds.iter_mut().filter_map(|(_, flaws)| flaws.pop()));
    }
    chosen
}

/// The same in each run.
pub(crate) fn hash_of(value: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}
