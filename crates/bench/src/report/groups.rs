//! What is measured: groups of cases that run in turn, and what they have to reach.

use std::time::Duration;

use clap::ValueEnum;

use crate::load::Plan;
use crate::measure::{Condition, Run};
use crate::stage::{Contestant, Setting};

/// A figure group, by the name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Sagas a second with 1,000 under way.
    Throughput,
    /// Latency at 40 sagas a second.
    Latency,
    /// Latency at half of the rate that each reaches.
    HalfPeak,
    /// 30 % of the sagas refused and compensated.
    Refused,
    /// 1 % of the messages fail for good.
    Failing,
    /// One saga in five is asked for twice.
    Doubled,
    /// 1, 2 and 4 processes of each service.
    Replicas,
    /// 1, 2 and 4 lanes in each process.
    Lanes,
    /// With 10 million old rows in inboxes and ledgers, and a snapshot held in each database.
    OldRows,
    /// While a million messages wait, for 30 seconds.
    Backlog,
    /// The broker alone, with the topology and without parts of it.
    Broker,
}

impl Group {
    /// What a run without arguments measures.
    pub const DEFAULT: [Self; 3] = [Self::Throughput, Self::Latency, Self::HalfPeak];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::HalfPeak => "half-peak",
            Self::Refused => "refused",
            Self::Failing => "failing",
            Self::Doubled => "doubled",
            Self::Replicas => "replicas",
            Self::Lanes => "lanes",
            Self::OldRows => "old-rows",
            Self::Backlog => "backlog",
            Self::Broker => "broker",
        }
    }

    /// What it is about, in a line.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Throughput => "Throughput: 1,000 sagas under way",
            Self::Latency => "Latency: 40 sagas a second, open loop",
            Self::HalfPeak => "Latency at half of one's own peak, open loop",
            Self::Refused => "30 % of the sagas refused and compensated",
            Self::Failing => "1 % of the messages fail for good",
            Self::Doubled => "20 % of the sagas asked for twice",
            Self::Replicas => "Replicas: processes of each service",
            Self::Lanes => "Lanes in each process",
            Self::OldRows => "10 million old rows in inboxes and ledgers, and a held snapshot",
            Self::Backlog => "A million messages wait: sagas' worth of messages",
            Self::Broker => "The broker alone: five messages a saga",
        }
    }
}

/// How much time there is.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// How often each case runs.
    pub rounds: usize,
    /// Until a run is warm.
    pub warm_up: Duration,
    /// What is measured of a run.
    pub window: Duration,
}

/// One line of a group's table.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name in the table.
    pub label: String,
    /// What is run.
    pub run: Run,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Sagas a second.
    Sagas,
    /// Messages a second.
    Messages,
    /// Median latency.
    P50,
    /// 99th percentile of latency.
    P99,
    /// Write-ahead log a message.
    Wal,
    /// Pages asked for, a message.
    Pages,
    /// The memory of the largest service process, in megabytes.
    Memory,
}

/// What is to be reached: one case against another, or alone.
#[derive(Debug, Clone)]
pub struct Target {
    /// Of whom.
    pub of: String,
    /// Against whom; `None` for a figure of its own.
    pub to: Option<String>,
    /// What.
    pub by: Measure,
    /// How much.
    pub bound: Bound,
}

/// How much is to be reached.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

fn case(label: impl Into<String>, contestant: Contestant, plan: Plan, effort: Effort) -> Case {
    let setting = Setting::default();
    let Effort { warm_up, window, .. } = effort;
    let condition = Condition::default();
    let run = Run { contestant, setting, plan, condition, warm_up, window };
    Case { label: label.into(), run }
}

fn each(contestants: &[Contestant], plan: Plan, effort: Effort) -> Vec<Case> {
    contestants.iter().map(|who| case(who.name(), *who, plan, effort)).collect()
}

/// The cases of a group; `peak` says what a contestant reached in `throughput`.
#[must_use]
pub fn cases(
    group: Group,
    contestants: &[Contestant],
    effort: Effort,
    peak: impl Fn(Contestant) -> Option<f64>,
) -> Vec<Case> {
    let plan = Plan::default();
    let ballet = |label: &str, plan| case(label, Contestant::Ballet, plan, effort);
    let with = |setting, label: String| {
        let mut case = ballet(&label, plan);
        case.run.setting = setting;
        case
    };
    match group {
        Group::Throughput => each(contestants, plan, effort),
        Group::Latency => each(contestants, Plan { pace: Some(40.0), ..plan }, effort),
        Group::HalfPeak => contestants
            .iter()
            .filter_map(|who| {
                let pace = Some(peak(*who)? / 2.0);
                Some(case(who.name(), *who, Plan { pace, ..plan }, effort))
            })
            .collect(),
        Group::Refused => {
            vec![ballet("none", plan), ballet("30 %", Plan { refused: 0.3, ..plan })]
        }
        // One message in a hundred is one saga in twenty.
        Group::Failing => {
            vec![ballet("none", plan), ballet("1 %", Plan { failing: 0.05, ..plan })]
        }
        Group::Doubled => {
            vec![ballet("none", plan), ballet("20 %", Plan { doubled: 0.2, ..plan })]
        }
        Group::Replicas => [1, 2, 4]
            .map(|replicas| with(Setting { replicas, ..Setting::default() }, replicas.to_string()))
            .into(),
        Group::Lanes => [1, 2, 4]
            .map(|lanes| with(Setting { lanes, ..Setting::default() }, lanes.to_string()))
            .into(),
        Group::OldRows => {
            let fresh = contestants.iter().filter(|who| **who != Contestant::Twin);
            let old = fresh.clone().map(|who| {
                let mut case = case(format!("{} old", who.name()), *who, plan, effort);
                case.run.condition.old_rows = 10_000_000;
                case
            });
            fresh.map(|who| case(who.name(), *who, plan, effort)).chain(old).collect()
        }
        Group::Backlog => {
            let without = contestants.iter().filter(|who| **who != Contestant::Twin);
            let backlog = |who: &Contestant| {
                // Nobody starts more.
                let mut case = case(who.name(), *who, Plan { in_flight: 0, ..plan }, effort);
                case.run.condition.backlog = 1_000_000;
                case.run.window = Duration::from_secs(30);
                case
            };
            without.map(backlog).collect()
        }
        // Nobody's: see `broker_alone`.
        Group::Broker => Vec::new(),
    }
}

/// What a group has to reach.
#[must_use]
pub fn targets(group: Group) -> Vec<Target> {
    let to = |of: &str, to: &str, by, bound| Target {
        of: of.to_owned(),
        to: Some(to.to_owned()),
        by,
        bound,
    };
    let alone = |of: &str, by, bound| Target { of: of.to_owned(), to: None, by, bound };
    match group {
        Group::Throughput => vec![
            to("ballet", "ceiling", Measure::Sagas, Bound::AtLeast(0.9)),
            to("ballet", "twin", Measure::Sagas, Bound::AtLeast(4.0)),
            to("ballet", "ceiling", Measure::Wal, Bound::AtMost(1.1)),
            to("ballet-bulk", "ceiling-bulk", Measure::Sagas, Bound::AtLeast(0.9)),
            to("ballet-bulk", "twin", Measure::Sagas, Bound::AtLeast(7.5)),
            to("ballet-bulk", "ceiling-bulk", Measure::Wal, Bound::AtMost(1.1)),
        ],
        Group::Latency => vec![
            to("ballet", "twin", Measure::P50, Bound::AtMost(1.0)),
            to("ballet", "twin", Measure::P99, Bound::AtMost(1.1)),
            to("ballet-bulk", "twin", Measure::P50, Bound::AtMost(1.0)),
            to("ballet-bulk", "twin", Measure::P99, Bound::AtMost(1.1)),
        ],
        Group::HalfPeak => vec![
            alone("ballet", Measure::P99, Bound::AtMost(150.0)),
            alone("ballet-bulk", Measure::P99, Bound::AtMost(150.0)),
        ],
        Group::Refused => vec![to("30 %", "none", Measure::Messages, Bound::AtLeast(0.8))],
        Group::Failing => vec![to("1 %", "none", Measure::Messages, Bound::AtLeast(0.5))],
        Group::OldRows => vec![
            to("ballet old", "ceiling old", Measure::Sagas, Bound::AtLeast(0.95)),
            to("ballet-bulk old", "ceiling-bulk old", Measure::Sagas, Bound::AtLeast(0.95)),
            // An index of so many rows is a level deeper, for the ceiling too. What read old rows, or
            // dead ones that the snapshot keeps, would ask for many times as many.
            to("ballet old", "ballet", Measure::Pages, Bound::AtMost(1.05)),
            to("ballet-bulk old", "ballet-bulk", Measure::Pages, Bound::AtMost(1.05)),
        ],
        Group::Backlog => vec![
            to("ballet", "ceiling", Measure::Messages, Bound::AtLeast(0.95)),
            to("ballet-bulk", "ceiling-bulk", Measure::Messages, Bound::AtLeast(0.95)),
            alone("ballet", Measure::Memory, Bound::AtMost(60.0)),
            alone("ballet-bulk", Measure::Memory, Bound::AtMost(60.0)),
        ],
        Group::Doubled | Group::Replicas | Group::Lanes | Group::Broker => Vec::new(),
    }
}
