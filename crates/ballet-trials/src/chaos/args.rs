//! The options of `chaos`.

use std::time::Duration;

use crate::chaos::faults::kind::Kind;
use crate::load::MOST_OPEN;

/// The nodes of a cluster: the smallest number that can lose one.
const CLUSTER: usize = 3;

/// The options of `chaos`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kinds of faults, separated by commas. All by default.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(crate) only: Vec<Kind>,
    /// Run the broker as a cluster of three nodes. Each may be killed.
    #[arg(long)]
    pub(crate) cluster: bool,
    /// End after this many kills of services.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) kills: usize,
    /// End after this many minutes, including the pauses, whatever the number of kills.
    #[arg(long, value_name = "MINUTES")]
    pub(crate) minutes: Option<f64>,
    /// Repeat the choices of an earlier run, which printed its seed.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Customers per second.
    #[arg(long, default_value_t = 12, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rate: u32,
    /// The most sagas that are open at a time. Then no further customer comes.
    #[arg(long, default_value_t = MOST_OPEN, value_name = "N")]
    pub(crate) open: usize,
    /// Only customers of this case, by its name.
    #[arg(long, value_name = "CASE")]
    pub(crate) case: Option<String>,
    /// Processes of each service at the start.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) replicas: usize,
    /// Seconds of faults between two pauses.
    #[arg(long, default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(5..))]
    pub(crate) storm: u64,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep all logs even if everything held.
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Args {
    /// Whether the user has chosen the kinds.
    pub(crate) fn names_kinds(&self) -> bool {
        !self.only.is_empty()
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        if self.names_kinds() {
            return self.only.clone();
        }
        let possible = |kind: &&Kind| self.cluster || !kind.needs_cluster();
        Kind::all().iter().filter(possible).copied().collect()
    }

    /// Whether the servers get disks that can be filled. Only root can mount them.
    pub(crate) fn small_disks(&self) -> bool {
        let wanted = self.kinds().contains(&Kind::Full);
        wanted && cfg!(target_os = "linux") && rustix::process::geteuid().is_root()
    }

    pub(crate) fn nodes(&self) -> usize {
        if self.cluster { CLUSTER } else { 1 }
    }

    pub(crate) fn limit(&self) -> Duration {
        let minutes = self.minutes.filter(|minutes| minutes.is_finite() && *minutes > 0.0);
        // Without kills nothing else would end the run.
        let minutes = minutes.or_else(|| (!self.kinds().contains(&Kind::Kill)).then_some(3.0));
        Duration::try_from_secs_f64(minutes.unwrap_or(f64::from(u16::MAX)) * 60.0)
            .unwrap_or(Duration::MAX)
    }
}
