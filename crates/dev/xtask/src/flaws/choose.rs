//! The choice of flaws: one of each kind in turn, so that no kind with many places crowds out the others.

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
    let mut state = seed;
    for (_, flaws) in &mut kinds {
        for at in (1..flaws.len()).rev() {
            let other = next(&mut state) % (at as u64 + 1);
            flaws.swap(at, usize::try_from(other).unwrap_or(at));
        }
    }
    let mut chosen = Vec::new();
    while kinds.iter().any(|(_, flaws)| !flaws.is_empty()) {
        chosen.extend(kinds.iter_mut().filter_map(|(_, flaws)| flaws.pop()));
    }
    chosen
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
