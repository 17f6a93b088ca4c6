//! Percentiles of times.

use std::time::Duration;

/// The value that this percentage of the sorted times does not exceed.
#[must_use]
pub fn at_share(sorted: &[Duration], percent: usize) -> Option<Duration> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(at_share(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(at_share(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(at_share(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(at_share(&[], 99), None);
    }
}
