//! The choice of flaws: one of each kind in turn, so that no kind with many places crowds out the others.

use fastrand::Rng;

/// All flaws in the order in which they are taken. It follows from the seed alone.
pub(crate) fn in_turn<T>(found: Vec<T>, seed: u64, kind: impl Fn(&T) -> &'static str) -> Vec<T> {
    let mut kinds: Vec<(&'static str, Vec<T>)> = Vec::new();
    for flaw in found {
        let name = kind(&flaw);
        match kinds.iter_mut().find(|(known, _)| *known == name) {
            Some((_, flaws)) => flaws.push(flaw),
            None => kinds.push((name, vec![flaw])),
        }
    }
    let mut choices = Rng::with_seed(seed);
    kinds.iter_mut().for_each(|(_, flaws)| choices.shuffle(flaws));
    let mut chosen = Vec::new();
    while kinds.iter().any(|(_, flaws)| !flaws.is_empty()) {
        chosen.extend(kinds.iter_mut().filter_map(|(_, flaws)| flaws.pop()));
    }
    chosen
}
