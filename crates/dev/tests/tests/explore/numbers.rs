//! Numbers that have to return unchanged from ledger, outbox and calls.

/// Finite numbers: the ends of the range, and bit patterns from the generator of Knuth's MMIX.
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
    let next = |bits: &u64| {
        Some(bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let random = std::iter::successors(Some(1), next).map(f64::from_bits);
    edges.into_iter().chain(random).filter(|value| value.is_finite())
}
