//! The options of `soak`, and the pace that follows from them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use jiff::SignedDuration;

const DAY_SECONDS: f64 = 24.0 * 60.0 * 60.0;
/// The steps of the clock in a run, unless they would be too close together or too far apart.
const STEPS: u32 = 240;
const SHORTEST_STEP: Duration = Duration::from_secs(8);
const LONGEST_STEP: Duration = Duration::from_secs(30);
/// The days that pass at a step. Services make partitions for three days ahead.
const USUAL_DAYS: f64 = 2.5;
const MOST_DAYS: f64 = 3.0;
/// The samples of a run, unless they would be too close together.
const SAMPLES: u32 = 400;
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);

/// The options of `soak`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The time for which customers come, in hours.
    #[arg(long, default_value_t = 2.0, value_name = "N")]
    hours: f64,
    /// The same in minutes, for a short trial.
    #[arg(long, value_name = "N", conflicts_with = "hours")]
    minutes: Option<f64>,
    /// The days that pass for the services meanwhile. By default 2.5 at each step of the clock, which
    /// are 600 in two hours. With 0, time passes as usual.
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Customers per second.
    #[arg(long, default_value_t = 5, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rate: u32,
    /// Processes of each service.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) replicas: usize,
    /// The directory for samples and plots. By default a new one in `target/soak`.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) out: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The pace of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// The time for which customers come.
    pub(crate) length: Duration,
    /// The real time between two steps of the clock.
    pub(crate) every: Duration,
    /// The time that passes at each step.
    pub(crate) step: SignedDuration,
    /// The time between two samples.
    pub(crate) sample_every: Duration,
}

impl Args {
    pub(crate) fn pace(&self) -> Result<Pace> {
        let minutes = self.minutes.unwrap_or(self.hours * 60.0);
        let length = Duration::try_from_secs_f64(minutes * 60.0).unwrap_or_default();
        if length < SHORTEST_STEP {
            bail!("the run is too short: give at least --minutes 1");
        }
        let every = (length / STEPS).clamp(SHORTEST_STEP, LONGEST_STEP);
        let steps = (length.as_secs_f64() / every.as_secs_f64()).floor();
        let days = self.days.map_or(steps * USUAL_DAYS, f64::from);
        if days / steps > MOST_DAYS {
            bail!(
                "{days} days are too many for {minutes} minutes: give at most --days {}",
                (steps * MOST_DAYS).floor()
            );
        }
        let step = SignedDuration::try_from_secs_f64((days / steps * DAY_SECONDS).round());
        let sample_every = (length / SAMPLES).max(SHORTEST_PAUSE);
        Ok(Pace { length, every, step: step.unwrap_or_default(), sample_every })
    }
}

/// A duration in days.
pub(crate) fn days(time: SignedDuration) -> f64 {
    time.as_secs_f64() / DAY_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(minutes: f64, days: Option<u32>) -> Result<Pace> {
        let (hours, minutes, out) = (2.0, Some(minutes), None);
        Args { hours, minutes, days, rate: 5, replicas: 2, out, json: false }.pace()
    }

    #[test]
    fn two_hours_are_600_days_in_240_steps() {
        let pace = pace(120.0, None).expect("a pace");
        assert_eq!((pace.every, pace.sample_every), (LONGEST_STEP, Duration::from_secs(18)));
        assert_eq!(pace.step, SignedDuration::from_hours(60));
    }

    #[test]
    fn a_short_run_has_fewer_steps_and_not_longer_ones() {
        let pace_of = |days| pace(2.0, days).map(|pace| (pace.every, pace.step));
        let (every, step) = pace_of(Some(30)).expect("a pace");
        assert_eq!((every, step), (SHORTEST_STEP, SignedDuration::from_hours(48)));
        assert_eq!(pace_of(Some(0)).expect("a pace").1, SignedDuration::ZERO);
        let refused = pace_of(Some(46)).expect_err("too fast").to_string();
        assert!(refused.contains("--days 45"), "{refused}");
        pace(0.1, None).expect_err("too short");
    }
}
