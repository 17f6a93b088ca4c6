//! Numbers that have to return unchanged from ledger, outbox and calls.

/// Finite numbers: the ends of the range, and bit patterns from SplitMix64.
pub(crate) fn samples() -> impl Iterator<Item = f64> {
    let edges = [
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        1e308,
        f64::EPSILON,
        0.1,
        1.0 / 3.0,
        9_007_199_254_740_993.0,
        2.225_073_858_507_201e-308,
    ];
    let mut seed = 0_u64;
    let random = std::iter::from_fn(move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(f64::from_bits(z ^ (z >> 31)))
    });
    edges.into_iter().chain(random).filter(|value| value.is_finite())
}
