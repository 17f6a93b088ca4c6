//! Numbers that have to return unchanged from ledger, outbox and calls.

use ballet_testkit::explore::Choices;

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
    let mut choices = Choices::new(0);
    let random = std::iter::repeat_with(move || f64::from_bits(choices.number()));
    edges.into_iter().chain(random).filter(|value| value.is_finite())
}
