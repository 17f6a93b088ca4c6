//! The groups of cases that run in turn, and the targets that they must reach.

use std::time::Duration;

use clap::ValueEnum;

use crate::contestants::contestant::Contestant;
use crate::runs::load::LoadPlan;
use crate::runs::run::{BenchRun, Condition};
use crate::runs::services::ServiceSetting;

/// A group of cases, by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Throughput: 1,000 sagas under way.
    Throughput,
    /// Latency: 40 sagas per second, open loop.
    Latency,
    /// Latency at half of each contestant's own peak rate, open loop.
    HalfPeak,
    /// 30 % of the sagas refused and compensated.
    Refused,
    /// 1 % of the messages fail permanently.
    Failing,
    /// One saga in five is requested twice.
    Doubled,
    /// Replicas: 1, 2 and 4 processes of each service.
    Replicas,
    /// 1, 2 and 4 lanes in each process.
    Lanes,
    /// 10 million old rows in inboxes and ledgers, and a held snapshot in each database.
    OldRows,
    /// A reader that locks all tables of each database, as `pg_dump` does.
    Dump,
    /// A backlog of a million messages, for 30 seconds: messages, counted as sagas.
    Backlog,
    /// A reader of telemetry beside a bare lapin loop, and 5,000 messages a second that two services read.
    Telemetry,
    /// The operators' console: what following costs the services, how soon its pages answer, and what an open page
    /// costs.
    Console,
    /// The gateway beside nginx and beside its library alone, and orders through it at 40 a second.
    Gateway,
}

impl Group {
    /// The groups that run without arguments.
    pub const DEFAULT: [Self; 3] = [Self::Throughput, Self::Latency, Self::HalfPeak];

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
    /// Page reads per message.
    Pages,
    /// The memory of the largest service process, in megabytes.
    Memory,
}

/// A target: a figure of one case, alone or relative to another case.
#[derive(Debug, Clone)]
pub struct BenchTarget {
    /// The case.
    pub of: String,
    /// The other case, or `None` for the figure itself.
    pub to: Option<String>,
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

fn case(
    label: impl Into<String>,
    contestant: Contestant,
    plan: LoadPlan,
    effort: Effort,
) -> BenchCase {
    let setting = ServiceSetting::default();
    let Effort { warm_up, window, .. } = effort;
    let condition = Condition::default();
    let run = BenchRun { contestant, setting, plan, condition, warm_up, window };
    BenchCase { label: label.into(), run }
}

fn each(contestants: &[Contestant], plan: LoadPlan, effort: Effort) -> Vec<BenchCase> {
    contestants.iter().map(|who| case(who.name(), *who, plan, effort)).collect()
}

/// All contestants but the twin, each alone and then under the condition with this name.
fn beside(
    contestants: &[Contestant],
    plan: LoadPlan,
    effort: Effort,
    name: &str,
    condition: Condition,
) -> Vec<BenchCase> {
    let fresh = contestants.iter().filter(|who| **who != Contestant::Twin);
    let under = fresh.clone().map(|who| {
        let mut case = case(format!("{} {name}", who.name()), *who, plan, effort);
        case.run.condition = condition;
        case
    });
    fresh.map(|who| case(who.name(), *who, plan, effort)).chain(under).collect()
}

/// The cases of a group. `peak` gives a contestant's rate in `throughput`.
#[must_use]
pub fn cases(
    group: Group,
    contestants: &[Contestant],
    effort: Effort,
    peak: impl Fn(Contestant) -> Option<f64>,
) -> Vec<BenchCase> {
    let plan = LoadPlan::default();
    let ballet = |label: &str, plan| case(label, Contestant::Ballet, plan, effort);
    let with = |setting, label: String| {
        let mut case = ballet(&label, plan);
        case.run.setting = setting;
        case
    };
    match group {
        Group::Throughput => each(contestants, plan, effort),
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
        // One message in a hundred fails if one saga in twenty does.
        Group::Failing => {
            vec![ballet("none", plan), ballet("1 %", LoadPlan { failing: 0.05, ..plan })]
        }
        Group::Doubled => {
            vec![ballet("none", plan), ballet("20 %", LoadPlan { doubled: 0.2, ..plan })]
        }
        Group::Replicas => [1, 2, 4]
            .map(|replicas| {
                with(ServiceSetting { replicas, ..ServiceSetting::default() }, replicas.to_string())
            })
            .into(),
        Group::Lanes => [1, 2, 4]
            .map(|lanes| {
                with(ServiceSetting { lanes, ..ServiceSetting::default() }, lanes.to_string())
            })
            .into(),
        Group::OldRows => {
            let old = Condition { old_rows: 10_000_000, ..Condition::default() };
            beside(contestants, plan, effort, "old", old)
        }
        Group::Dump => {
            let locked = Condition { locked: true, ..Condition::default() };
            beside(contestants, plan, effort, "locked", locked)
        }
        Group::Backlog => {
            let without = contestants.iter().filter(|who| **who != Contestant::Twin);
            let backlog = |who: &Contestant| {
                // No more sagas start.
                let mut case = case(who.name(), *who, LoadPlan { in_flight: 0, ..plan }, effort);
                case.run.condition.backlog = 1_000_000;
                case.run.window = Duration::from_secs(30);
                case
            };
            without.map(backlog).collect()
        }
        Group::Console => {
            let mut observed = ballet("ballet observed", plan);
            observed.run.condition.is_observed = true;
            vec![ballet("ballet", plan), observed]
        }
        // The others have no contestants: see `telemetry` and `gateway`.
        _ => Vec::new(),
    }
}

/// The targets of a group.
#[must_use]
pub fn targets(group: Group) -> Vec<BenchTarget> {
    let to = |of: &str, to: &str, by, bound| BenchTarget {
        of: of.to_owned(),
        to: Some(to.to_owned()),
        by,
        bound,
    };
    let alone = |of: &str, by, bound| BenchTarget { of: of.to_owned(), to: None, by, bound };
    match group {
        Group::Throughput => vec![
            to("ballet", "ceiling", Measure::Sagas, Bound::AtLeast(0.9)),
            to("ballet", "twin", Measure::Sagas, Bound::AtLeast(4.0)),
            to("ballet", "ceiling", Measure::Wal, Bound::AtMost(1.06)),
            to("ballet-bulk", "ceiling-bulk", Measure::Sagas, Bound::AtLeast(1.0)),
            to("ballet-bulk", "twin", Measure::Sagas, Bound::AtLeast(7.5)),
            to("ballet-bulk", "ceiling-bulk", Measure::Wal, Bound::AtMost(1.06)),
        ],
        Group::Latency => vec![
            to("ballet", "twin", Measure::P50, Bound::AtMost(0.65)),
            to("ballet", "twin", Measure::P99, Bound::AtMost(0.8)),
            to("ballet-bulk", "twin", Measure::P50, Bound::AtMost(0.65)),
            to("ballet-bulk", "twin", Measure::P99, Bound::AtMost(0.8)),
        ],
        Group::HalfPeak => vec![
            to("ballet", "ceiling", Measure::P99, Bound::AtMost(0.8)),
            to("ballet-bulk", "ceiling-bulk", Measure::P99, Bound::AtMost(0.8)),
        ],
        Group::Refused => vec![to("30 %", "none", Measure::Messages, Bound::AtLeast(0.8))],
        Group::Failing => vec![to("1 %", "none", Measure::Messages, Bound::AtLeast(0.5))],
        Group::OldRows => vec![
            to("ballet old", "ceiling old", Measure::Sagas, Bound::AtLeast(0.95)),
            to("ballet-bulk old", "ceiling-bulk old", Measure::Sagas, Bound::AtLeast(0.95)),
            // An index of this many rows is one level deeper, also for the ceiling. Code that read
            // old rows, or dead rows that the snapshot keeps, would read many times as many pages.
            to("ballet old", "ballet", Measure::Pages, Bound::AtMost(1.05)),
            to("ballet-bulk old", "ballet-bulk", Measure::Pages, Bound::AtMost(1.05)),
        ],
        Group::Dump => vec![
            to("ballet locked", "ballet", Measure::Sagas, Bound::AtLeast(0.9)),
            to("ballet-bulk locked", "ballet-bulk", Measure::Sagas, Bound::AtLeast(0.9)),
        ],
        Group::Backlog => vec![
            to("ballet", "ceiling", Measure::Messages, Bound::AtLeast(0.95)),
            to("ballet-bulk", "ceiling-bulk", Measure::Messages, Bound::AtLeast(0.95)),
            alone("ballet", Measure::Memory, Bound::AtMost(60.0)),
            alone("ballet-bulk", Measure::Memory, Bound::AtMost(60.0)),
        ],
        Group::Console => {
            vec![to("ballet observed", "ballet", Measure::Sagas, Bound::AtLeast(0.95))]
        }
        _ => Vec::new(),
    }
}
