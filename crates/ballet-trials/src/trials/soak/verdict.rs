//! Judges whether a measure has grown although it should be flat.

use serde::Serialize;

use crate::trials::soak::measure::{GrowthRule, MeasureKind, Sample};

/// The shortest stretch to be judged, in seconds. In a shorter one the filling of the first minutes would look like
/// growth. It is half of twenty minutes, less the time to the first sample.
const SHORTEST: f64 = 9.75 * 60.0;

/// The finding on one measure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MeasureFinding {
    pub(crate) what: MeasureKind,
    pub(crate) of: String,
    /// The medians at the beginning, in the middle and at the end.
    pub(crate) begin: f64,
    pub(crate) middle: f64,
    pub(crate) end: f64,
    pub(crate) judged: GrowthVerdict,
}

/// The verdict on a measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrowthVerdict {
    /// The measure may grow.
    MayGrow,
    /// The measure reaches its size too late in this run.
    TooShort {
        settles_after_days: f64,
    },
    Flat {
        growth: f64,
        limit: f64,
    },
    Grows {
        growth: f64,
        limit: f64,
    },
}

impl MeasureFinding {
    /// Whether the run was long enough for a verdict.
    pub(crate) const fn is_judged(&self) -> bool {
        matches!(self.judged, GrowthVerdict::Flat { .. } | GrowthVerdict::Grows { .. })
    }
}

/// Judges every measure. `remembers_days` gives the days for which the ledger of a service remembers a saga.
pub(crate) fn judge(
    samples: &[Sample],
    remembers_days: impl Fn(&str) -> u32,
) -> Vec<MeasureFinding> {
    let keys: std::collections::BTreeSet<_> =
        samples.iter().flat_map(|sample| sample.values.keys()).collect();
    let finding = |(what, of): &(MeasureKind, String)| {
        let key = (*what, of.clone());
        let values = |sample: &Sample| {
            Some(TrendPoint {
                at: sample.at.as_secs_f64(),
                days: sample.days,
                value: *sample.values.get(&key)?,
            })
        };
        let points: Vec<TrendPoint> = samples.iter().filter_map(values).collect();
        let [begin, middle, end] = [0, 1, 2].map(|third| median_of_tenth(&points, third));
        let judged = what.rule(remembers_days(of));
        let judged = judged.map_or(GrowthVerdict::MayGrow, |rule| judge_points(&points, rule));
        MeasureFinding { what: *what, of: of.clone(), begin, middle, end, judged }
    };
    keys.into_iter().map(finding).collect()
}

/// A value, with the seconds of the run and the days of the system.
#[derive(Debug, Clone, Copy)]
struct TrendPoint {
    at: f64,
    days: f64,
    value: f64,
}

/// Judges the second half of the run, as far as the measure has reached its size there. Its growth is that of a
/// straight line.
fn judge_points(points: &[TrendPoint], rule: GrowthRule) -> GrowthVerdict {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return GrowthVerdict::MayGrow;
    };
    let half = f64::midpoint(first.at, last.at);
    let settled = |point: &&TrendPoint| point.at >= half && point.days >= rule.settles_after;
    let judged: Vec<TrendPoint> = points.iter().filter(settled).copied().collect();
    let Some(from) = judged.first().filter(|from| last.at - from.at >= SHORTEST) else {
        return GrowthVerdict::TooShort { settles_after_days: rule.settles_after };
    };
    let (begin, growth) = line(&judged, last.at - from.at);
    let limit = rule.slack.max(rule.share * begin);
    if growth > limit {
        GrowthVerdict::Grows { growth, limit }
    } else {
        GrowthVerdict::Flat { growth, limit }
    }
}

/// The least-squares line: its value at the beginning, and its growth over `time`.
fn line(points: &[TrendPoint], time: f64) -> (f64, f64) {
    let count = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX)).max(1.0);
    let at = points.iter().map(|point| point.at).sum::<f64>() / count;
    let value = points.iter().map(|point| point.value).sum::<f64>() / count;
    let both: f64 = points.iter().map(|point| (point.at - at) * (point.value - value)).sum();
    let squares: f64 = points.iter().map(|point| (point.at - at).powi(2)).sum();
    let slope = if squares > 0.0 { both / squares } else { 0.0 };
    (value - slope * time / 2.0, slope * time)
}

/// The median of the first tenth of the points (0), the middle tenth (1), or the last (2).
fn median_of_tenth(points: &[TrendPoint], which: usize) -> f64 {
    let tenth = points.len().div_ceil(10);
    let from = (points.len() - tenth) * which / 2;
    let mut values: Vec<f64> = points[from..from + tenth].iter().map(|point| point.value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    /// The finding on an hour with a sample every 20 seconds and ten days a minute.
    fn judged(what: MeasureKind, of: &str, value: impl Fn(f64) -> f64) -> MeasureFinding {
        let sample = |number: u32| {
            let days = f64::from(number) * 10.0 / 3.0;
            let values = BTreeMap::from([((what, of.to_owned()), value(days))]);
            Sample { at: Duration::from_secs(20) * number, days, values }
        };
        let samples: Vec<Sample> = (0..=180).map(sample).collect();
        let remembers_days = |of: &str| if of == "payments" { 365 } else { 90 };
        judge(&samples, remembers_days).remove(0)
    }

    #[test]
    fn what_stays_within_its_limit_is_flat_and_what_does_not_grows() {
        let found = judged(MeasureKind::Memory, "orders-0", |_| 80e6);
        assert_eq!(found.judged, GrowthVerdict::Flat { growth: 0.0, limit: 20e6 });
        // It warms up in the first quarter, then varies.
        let warm =
            |days: f64| 80e6 - 40e6 * (1.0 - days / 150.0).max(0.0) + 5e6 * (days / 7.0).sin();
        let found = judged(MeasureKind::Memory, "orders-0", warm);
        assert!(matches!(found.judged, GrowthVerdict::Flat { .. }), "{found:?}");
        assert!(found.begin < 50e6 && found.end > 70e6, "{found:?}");
        let found = judged(MeasureKind::Memory, "orders-0", |days| 20e6 + days * 60e3);
        let GrowthVerdict::Grows { growth, limit } = found.judged else { panic!("{found:?}") };
        assert!((growth - 18e6).abs() < 1e3 && limit < 11e6, "{growth} {limit}");
    }

    #[test]
    fn a_ledger_may_fill_up_for_as_long_as_it_remembers() {
        let fills = |until: f64| move |days: f64| 50e6 * (days / until).min(1.0);
        let found = judged(MeasureKind::Ledger, "orders", fills(104.0));
        assert!(matches!(found.judged, GrowthVerdict::Flat { .. }), "{found:?}");
        let found = judged(MeasureKind::Ledger, "payments", fills(370.0));
        assert!(matches!(found.judged, GrowthVerdict::Flat { .. }), "{found:?}");
        let found = judged(MeasureKind::Ledger, "payments", fills(600.0));
        assert!(matches!(found.judged, GrowthVerdict::Grows { .. }), "{found:?}");
        let found = judged(MeasureKind::OwnTables, "payments", fills(600.0));
        assert_eq!(found.judged, GrowthVerdict::MayGrow);
    }

    #[test]
    fn a_run_of_less_than_twenty_minutes_judges_nothing() {
        let sample = |number: u32| {
            let values =
                BTreeMap::from([((MeasureKind::Memory, "orders-0".to_owned()), f64::from(number))]);
            Sample { at: Duration::from_secs(5) * number, days: 0.0, values }
        };
        let found = |minutes: u32| {
            let samples: Vec<Sample> = (1..=minutes * 12).map(sample).collect();
            judge(&samples, |_| 90).remove(0)
        };
        let short = found(19);
        assert_eq!(short.judged, GrowthVerdict::TooShort { settles_after_days: 0.0 });
        assert!(!short.is_judged() && found(20).is_judged());
    }
}
