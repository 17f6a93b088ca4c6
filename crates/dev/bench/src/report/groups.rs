//! The groups of cases that run in turn, and the targets that they must reach.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::contestants::contestant::Contestant;
use crate::runs::figures::{MESSAGES, P50, P99, SAGAS, WAL};
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
    /// The gateway beside nginx.
    Gateway,
}

impl Group {
    /// The groups that run without arguments.
    pub const DEFAULT: [Self; 3] = [Self::Throughput, Self::Latency, Self::HalfPeak];

    fn contestants(self) -> impl Iterator<Item = Contestant> {
        let all = Contestant::value_variants().iter().copied();
        all.filter(move |who| who.form().packs == (self == Self::Packs))
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
}

impl Effort {
    /// The time for a group, or for one short round.
    #[must_use]
    pub fn of(group: Group, is_quick: bool) -> Self {
        let (rounds, warm_up, window) = match () {
            () if is_quick => (1, 2, 3),
            () if group == Group::Packs || Group::DEFAULT.contains(&group) => (5, 3, 5),
            () => (2, 4, 7),
        };
        let [warm_up, window] = [warm_up, window].map(Duration::from_secs);
        Self { rounds, warm_up, window }
    }
}

/// A line of a group's table.
#[derive(Debug, Clone)]
pub struct BenchCase {
    /// The name in the table.
    pub label: String,
    /// The run.
    pub run: BenchRun,
}

/// A target: a figure of one row, relative to another row.
#[derive(Debug, Clone)]
pub struct BenchTarget {
    /// The row.
    pub of: &'static str,
    /// The other row. Without one, the figure itself is compared.
    pub to: Option<&'static str>,
    /// The column of the figure.
    pub column: &'static str,
    /// The bound.
    pub bound: Bound,
}

/// The bound of a target.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum Bound {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
        }
    }
}

fn case(label: &str, contestant: Contestant, plan: LoadPlan, effort: Effort) -> BenchCase {
    let Effort { warm_up, window, .. } = effort;
    let run = BenchRun { contestant, plan, is_observed: false, warm_up, window };
    BenchCase { label: label.to_owned(), run }
}

/// The cases of a group. `peak` is a contestant's rate in `throughput`.
#[must_use]
pub fn cases(
    group: Group,
    effort: Effort,
    peak: impl Fn(Contestant) -> Option<f64>,
) -> Vec<BenchCase> {
    let plan = LoadPlan::default();
    let ballet = |label: &str, plan| case(label, Contestant::Ballet, plan, effort);
    let paced = |who: Contestant, pace| {
        case(who.name(), who, LoadPlan { pace: Some(pace), ..plan }, effort)
    };
    match group {
        Group::Throughput | Group::Packs => {
            group.contestants().map(|who| case(who.name(), who, plan, effort)).collect()
        }
        Group::Latency => group.contestants().map(|who| paced(who, 40.0)).collect(),
        Group::HalfPeak => {
            group.contestants().filter_map(|who| Some(paced(who, peak(who)? / 2.0))).collect()
        }
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
    let to = |of, to, column, bound| BenchTarget { of, to: Some(to), column, bound };
    let reach = |of, column, bound| BenchTarget { of, to: None, column, bound };
    match group {
        Group::Throughput => vec![
            to("ballet", "ceiling", SAGAS, Bound::AtLeast(0.9)),
            to("ballet", "twin", SAGAS, Bound::AtLeast(4.0)),
            to("ballet", "ceiling", WAL, Bound::AtMost(1.06)),
            to("ballet-bulk", "ceiling-bulk", SAGAS, Bound::AtLeast(1.0)),
            to("ballet-bulk", "twin", SAGAS, Bound::AtLeast(7.5)),
            to("ballet-bulk", "ceiling-bulk", WAL, Bound::AtMost(1.06)),
        ],
        Group::Packs => vec![
            reach("ballet-packs", MESSAGES, Bound::AtLeast(20_000.0)),
            reach("ballet-bulk-packs", MESSAGES, Bound::AtLeast(30_000.0)),
            to("ballet-packs", "ceiling-packs", MESSAGES, Bound::AtLeast(0.9)),
            to("ballet-bulk-packs", "ceiling-bulk-packs", MESSAGES, Bound::AtLeast(0.9)),
            to("ballet-packs", "ceiling-packs", WAL, Bound::AtMost(1.06)),
            to("ballet-bulk-packs", "ceiling-bulk-packs", WAL, Bound::AtMost(1.06)),
        ],
        Group::Latency => vec![
            to("ballet", "twin", P50, Bound::AtMost(0.65)),
            to("ballet", "twin", P99, Bound::AtMost(0.8)),
            to("ballet-bulk", "twin", P50, Bound::AtMost(0.65)),
            to("ballet-bulk", "twin", P99, Bound::AtMost(0.8)),
        ],
        Group::HalfPeak => vec![
            to("ballet", "ceiling", P99, Bound::AtMost(0.8)),
            to("ballet-bulk", "ceiling-bulk", P99, Bound::AtMost(0.8)),
        ],
        Group::Refused => vec![to("30 %", "none", MESSAGES, Bound::AtLeast(0.8))],
        Group::Console => vec![
            to("ballet observed", "ballet", SAGAS, Bound::AtLeast(0.95)),
            to("console", "bare reader", "entries/s", Bound::AtLeast(0.8)),
            reach("slowest page", "p95 ms", Bound::AtMost(100.0)),
        ],
        Group::Telemetry => vec![
            to("reader", "bare loop", MESSAGES, Bound::AtLeast(0.9)),
            reach("flood", "of wanted", Bound::AtLeast(0.99)),
            reach("flood", "refused", Bound::AtMost(0.0)),
            reach("flood", "s behind", Bound::AtMost(2.0)),
        ],
        Group::Gateway => vec![
            to("gateway", "nginx", "peak/s", Bound::AtLeast(0.75)),
            to("gateway", "nginx", P99, Bound::AtMost(1.5)),
        ],
    }
}
