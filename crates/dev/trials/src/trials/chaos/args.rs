//! The options of `chaos`.

use std::time::Duration;

use clap::ValueEnum;

use crate::trials::chaos::faults::kind::FaultKind;

/// The smallest cluster that can lose a node.
const CLUSTER: usize = 3;

/// The options of `chaos`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The kinds of faults, separated by commas: each has to be caused. All by default, as far as there is time.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(crate) only: Vec<FaultKind>,
    /// Run the broker as a cluster of three nodes. Each may be killed.
    #[arg(long)]
    pub(crate) cluster: bool,
    /// End after this many minutes, including the pauses.
    #[arg(long, default_value_t = 5.0, value_name = "MINUTES")]
    minutes: f64,
    /// Repeat the choices of an earlier run, which printed its seed.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Customers per second.
    #[arg(long, default_value_t = 12, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rate: u32,
    /// Processes of each service at the start.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) replicas: usize,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    pub(crate) fn kinds(&self) -> Vec<FaultKind> {
        if !self.only.is_empty() {
            return self.only.clone();
        }
        let possible = |kind: &&FaultKind| self.cluster || **kind != FaultKind::Node;
        FaultKind::value_variants().iter().filter(possible).copied().collect()
    }

    pub(crate) fn nodes(&self) -> usize {
        if self.cluster { CLUSTER } else { 1 }
    }

    pub(crate) fn limit(&self) -> Duration {
        Duration::try_from_secs_f64(self.minutes * 60.0).unwrap_or_default()
    }
}
