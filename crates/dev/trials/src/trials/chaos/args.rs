//! The options of `chaos`.

use std::time::Duration;

use crate::load::load::MOST_OPEN;
use crate::trials::chaos::faults::kind::FaultKind;

/// The kinds of faults are divided into so many samples.
const SHARES: usize = 5;
const ALWAYS: [FaultKind; 3] = [FaultKind::Kill, FaultKind::Stop, FaultKind::Scale];
/// The smallest cluster that can lose a node.
const CLUSTER: usize = 3;

/// The options of `chaos`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The kinds of faults, separated by commas. All by default.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(crate) only: Vec<FaultKind>,
    /// Only a fifth of the kinds, which this number chooses, and kills, stops and scaling.
    #[arg(long, value_name = "NUMBER", conflicts_with = "only")]
    pub(crate) sample: Option<usize>,
    /// Run the broker as a cluster of three nodes. Each may be killed.
    #[arg(long)]
    pub(crate) cluster: bool,
    /// Cause no faults: let two and a half days pass every eight seconds for the services, with sagas that take days.
    #[arg(long, conflicts_with_all = ["only", "sample", "cluster"])]
    pub(crate) days: bool,
    /// End after this many kills of services.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) kills: usize,
    /// End after this many minutes, including the pauses, whatever the number of kills; but not before each kind
    /// of `--only` and `--sample` was caused.
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
    pub(crate) fn names_kinds(&self) -> bool {
        !self.only.is_empty()
    }

    /// Whether each kind has to be caused, as the user chose them.
    pub(crate) fn chooses_kinds(&self) -> bool {
        self.names_kinds() || self.sample.is_some()
    }

    pub(crate) fn kinds(&self) -> Vec<FaultKind> {
        if self.days {
            return Vec::new();
        }
        if self.names_kinds() {
            return self.only.clone();
        }
        let possible = |kind: &&FaultKind| self.cluster || !kind.needs_cluster();
        let mut kinds: Vec<FaultKind> = FaultKind::all().iter().filter(possible).copied().collect();
        if let Some(sample) = self.sample {
            let mut number = 0..;
            kinds.retain(|kind| {
                ALWAYS.contains(kind)
                    || number.next().is_some_and(|n: usize| n % SHARES == sample % SHARES)
            });
        }
        kinds
    }

    /// Only root can mount disks that can be filled.
    pub(crate) fn small_disks(&self) -> bool {
        let wanted = self.kinds().contains(&FaultKind::Full);
        wanted && cfg!(target_os = "linux") && rustix::process::geteuid().is_root()
    }

    pub(crate) fn nodes(&self) -> usize {
        if self.cluster { CLUSTER } else { 1 }
    }

    pub(crate) fn limit(&self) -> Duration {
        let minutes = self.minutes.filter(|minutes| minutes.is_finite() && *minutes > 0.0);
        // Without kills nothing else would end the run.
        let minutes = minutes.or_else(|| (!self.kinds().contains(&FaultKind::Kill)).then_some(3.0));
        Duration::try_from_secs_f64(minutes.unwrap_or(f64::from(u16::MAX)) * 60.0)
            .unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(arguments: &[&str]) -> Args {
        Command::parse_from([&["chaos"], arguments].concat()).args
    }

    #[test]
    fn five_samples_have_each_kind_once_and_some_always() {
        let sample = |number: usize| args(&["--sample", &number.to_string()]);
        let kinds: Vec<Vec<FaultKind>> = (7..12).map(|number| sample(number).kinds()).collect();
        assert!(
            kinds.iter().all(|of| ALWAYS.iter().all(|kind| of.contains(kind)) && of.len() < 9),
            "{kinds:?}"
        );
        let mut others: Vec<FaultKind> =
            kinds.concat().into_iter().filter(|kind| !ALWAYS.contains(kind)).collect();
        others.sort_unstable();
        let all = args(&[]).kinds().into_iter().filter(|kind| !ALWAYS.contains(kind));
        assert_eq!(others, all.collect::<Vec<_>>());
        assert!(sample(3).chooses_kinds() && !sample(3).names_kinds());
    }
}
