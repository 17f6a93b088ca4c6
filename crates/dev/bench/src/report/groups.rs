//! The groups of cases that run in turn, and the targets that they must reach.

use std::time::Duration;

use clap::ValueEnum;

use crate::contestants::contestant::Contestant;
use crate::runs::load::LoadPlan;
use crate::runs::run::BenchRun;

/// A group of cases, by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Throughput.
    Throughput,
    /// Latency: 40 sagas per second, open loop.
    Latency,
    /// Latency at half of each contestant's own peak rate, open loop.
    HalfPeak,
    /// Throughput of those that pack their events.
    Packs,
    /// 30 % of the sagas refused and compensated.
    Refused,
    /// A reader of telemetry beside a bare lapin loop, and 5,000 messages a second that two services read.
    Telemetry,
    /// The operators' console: what following costs the services, and how soon its pages answer.
    Console,
    /// The gateway beside nginx, and orders through it at 40 a second.
    Gateway,
}

impl Group {
    /// The groups that run without arguments.
    pub const DEFAULT: [Self; 3] = [Self::Throughput, Self::Latency, Self::HalfPeak];

    /// The contestants that run without others named.
    #[must_use]
    pub fn contestants(self) -> Vec<Contestant> {
        let all = Contestant::value_variants().iter().copied();
        all.filter(|who| who.form().packs == (self == Self::Packs)).collect()
    }

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The title: the help text of the command's argument.
    #[must_use]
    pub fn title(self) -> String {
        let help = self.to_possible_value().and_then(|value| value.get_help().cloned());
        help.map_or_else(String::new, |help| help.to_string())
    }
}

/// The time to spend on a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The number of runs of each case.
    pub rounds: usize,
    /// The warm-up of a run.
    pub warm_up: Duration,
    /// The measured window of a run.
    pub window: Duration,
    /// The number of sagas under way at a time, without a pace.
    pub under_way: usize,
}

/// A line of a group's table.
#[derive(Debug, Clone)]
pub struct BenchCase {
    /// The name in the table.
    pub label: String,
    /// The run.
    pub run: BenchRun,
}

/// The figure that a target compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Sagas per second.
    Sagas,
    /// Messages per second.
    Messages,
    /// Median latency.
    P50,
    /// 99th percentile of latency.
    P99,
    /// Write-ahead log per message.
    Wal,
}

/// A target: a figure of one case, relative to another case.
#[derive(Debug, Clone)]
pub struct BenchTarget {
    /// The case.
    pub of: &'static str,
    /// The other case. Without one, the figure itself is compared.
    pub to: Option<&'static str>,
    /// The figure.
    pub by: Measure,
    /// The bound.
    pub bound: Bound,
}

/// The bound of a target.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

fn case(label: &str, contestant: Contestant, plan: LoadPlan, effort: Effort) -> BenchCase {
    let Effort { warm_up, window, .. } = effort;
    let run = BenchRun { contestant, plan, is_observed: false, warm_up, window };
    BenchCase { label: label.to_owned(), run }
}

fn each(contestants: &[Contestant], plan: LoadPlan, effort: Effort) -> Vec<BenchCase> {
    contestants.iter().map(|who| case(who.name(), *who, plan, effort)).collect()
}

/// The cases of a group. `peak` is a contestant's rate in `throughput`.
#[must_use]
pub fn cases(
    group: Group,
    contestants: &[Contestant],
    effort: Effort,
    peak: impl Fn(Contestant) -> Option<f64>,
) -> Vec<BenchCase> {
    let plan = LoadPlan { under_way: effort.under_way, ..LoadPlan::default() };
    let ballet = |label: &str, plan| case(label, Contestant::Ballet, plan, effort);
    match group {
        Group::Throughput | Group::Packs => each(contestants, plan, effort),
        Group::Latency => each(contestants, LoadPlan { pace: Some(40.0), ..plan }, effort),
        Group::HalfPeak => contestants
            .iter()
            .filter_map(|who| {
                let pace = Some(peak(*who)? / 2.0);
                Some(case(who.name(), *who, LoadPlan { pace, ..plan }, effort))
            })
            .collect(),
        Group::Refused => {
            vec![ballet("none", plan), ballet("30 %", LoadPlan { refused: 0.3, ..plan })]
        }
        Group::Console => {
            let mut observed = ballet("ballet observed", plan);
            observed.run.is_observed = true;
            vec![ballet("ballet", plan), observed]
        }
        // Without contestants: see `telemetry` and `gateway`.
        Group::Telemetry | Group::Gateway => Vec::new(),
    }
}

/// The targets of a group.
#[must_use]
pub fn targets(group: Group) -> Vec<BenchTarget> {
    let to = |of, to, by, bound| BenchTarget { of, to: Some(to), by, bound };
    let reach = |of, messages| BenchTarget {
        of,
        to: None,
        by: Measure::Messages,
        bound: Bound::AtLeast(messages),
    };
    match group {
        Group::Throughput => vec![
            to("ballet", "ceiling", Measure::Sagas, Bound::AtLeast(0.9)),
            to("ballet", "twin", Measure::Sagas, Bound::AtLeast(4.0)),
            to("ballet", "ceiling", Measure::Wal, Bound::AtMost(1.06)),
            to("ballet-bulk", "ceiling-bulk", Measure::Sagas, Bound::AtLeast(1.0)),
            to("ballet-bulk", "twin", Measure::Sagas, Bound::AtLeast(7.5)),
            to("ballet-bulk", "ceiling-bulk", Measure::Wal, Bound::AtMost(1.06)),
        ],
        Group::Packs => vec![
            reach("ballet-packs", 20_000.0),
            reach("ballet-bulk-packs", 30_000.0),
            to("ballet-packs", "ceiling-packs", Measure::Messages, Bound::AtLeast(0.9)),
            to("ballet-bulk-packs", "ceiling-bulk-packs", Measure::Messages, Bound::AtLeast(0.9)),
            to("ballet-packs", "ceiling-packs", Measure::Wal, Bound::AtMost(1.06)),
            to("ballet-bulk-packs", "ceiling-bulk-packs", Measure::Wal, Bound::AtMost(1.06)),
        ],
        Group::Latency => vec![
            to("ballet-packs", "ballet", Measure::P50, Bound::AtMost(1.0)),
            to("ballet", "twin", Measure::P50, Bound::AtMost(0.65)),
            to("ballet", "twin", Measure::P99, Bound::AtMost(0.8)),
            to("ballet-bulk", "twin", Measure::P50, Bound::AtMost(0.65)),
            to("ballet-bulk", "twin", Measure::P99, Bound::AtMost(0.8)),
        ],
        Group::HalfPeak => vec![
            to("ballet-packs", "ballet", Measure::P99, Bound::AtMost(1.0)),
            to("ballet-bulk-packs", "ballet-bulk", Measure::P99, Bound::AtMost(1.0)),
            to("ballet", "ceiling", Measure::P99, Bound::AtMost(0.8)),
            to("ballet-bulk", "ceiling-bulk", Measure::P99, Bound::AtMost(0.8)),
        ],
        Group::Refused => vec![to("30 %", "none", Measure::Messages, Bound::AtLeast(0.8))],
        Group::Console => {
            vec![to("ballet observed", "ballet", Measure::Sagas, Bound::AtLeast(0.95))]
        }
        Group::Telemetry | Group::Gateway => Vec::new(),
    }
}
