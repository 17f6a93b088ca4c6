//! The measures, and the rules for their growth.

use std::collections::BTreeMap;
use std::time::Duration;

/// The kinds of measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeasureKind {
    /// The resident memory of a process, without that of its program's file.
    Memory,
    /// The open files of a process, its connections among them.
    Files,
    /// The bytes of a service's inbox, and its partitions.
    Inbox,
    InboxPartitions,
    /// The bytes of a service's ledger, and its partitions.
    Ledger,
    LedgerPartitions,
    /// The bytes of a service's outbox, and its tables.
    Outbox,
    OutboxTables,
    /// The bytes of a service's calls.
    Calls,
    /// The bytes of the framework's other tables.
    OtherTables,
    /// The bytes of a service's own tables, which keep everything.
    OwnTables,
    /// The bytes on the broker's disk without the journal.
    BrokerDisk,
    Journal,
    BrokerMemory,
    /// Messages in the broker's queues without the journal.
    Waiting,
    /// Sagas that have ended, per second.
    Ended,
    /// Sagas that have not ended.
    Open,
    /// The median time from a customer of the usual case to the end of the saga, in milliseconds.
    Median,
    NinetyNinth,
}

/// The unit in which values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MeasureUnit {
    Megabytes,
    Count,
    PerSecond,
    Milliseconds,
}

/// The rule for a measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GrowthRule {
    /// The days after which the measure has reached its size.
    pub(crate) settles_after: f64,
    /// The most growth while it is judged: this share of the value, or this amount.
    pub(crate) share: f64,
    pub(crate) slack: f64,
}

/// A measure, and its object: a process, a service, or everything.
pub(crate) type MeasureKey = (MeasureKind, String);

/// The values at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The time since the beginning of the run.
    pub(crate) at: Duration,
    /// The days that have passed for the system.
    pub(crate) days: f64,
    pub(crate) values: BTreeMap<MeasureKey, f64>,
}

const MB: f64 = 1e6;

impl MeasureKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Files => "open files",
            Self::Inbox => "inbox",
            Self::InboxPartitions => "inbox partitions",
            Self::Ledger => "ledger",
            Self::LedgerPartitions => "ledger partitions",
            Self::Outbox => "outbox",
            Self::OutboxTables => "outbox tables",
            Self::Calls => "calls",
            Self::OtherTables => "other framework tables",
            Self::OwnTables => "the service's own tables",
            Self::BrokerDisk => "broker disk",
            Self::Journal => "journal",
            Self::BrokerMemory => "broker memory",
            Self::Waiting => "messages in queues",
            Self::Ended => "sagas ended",
            Self::Open => "open sagas",
            Self::Median => "median from begin to end",
            Self::NinetyNinth => "99th percentile from begin to end",
        }
    }

    pub(crate) const fn unit(self) -> MeasureUnit {
        match self {
            Self::Memory
            | Self::Inbox
            | Self::Ledger
            | Self::Outbox
            | Self::Calls
            | Self::OtherTables
            | Self::OwnTables
            | Self::BrokerDisk
            | Self::Journal
            | Self::BrokerMemory => MeasureUnit::Megabytes,
            Self::Files
            | Self::InboxPartitions
            | Self::LedgerPartitions
            | Self::OutboxTables
            | Self::Waiting
            | Self::Open => MeasureUnit::Count,
            Self::Ended => MeasureUnit::PerSecond,
            Self::Median | Self::NinetyNinth => MeasureUnit::Milliseconds,
        }
    }

    /// The rule for this measure, given the days for which the service's ledger remembers a saga. `None` if it may
    /// grow.
    pub(crate) fn rule(self, remembers_days: u32) -> Option<GrowthRule> {
        let rule = |settles_after, share, slack| Some(GrowthRule { settles_after, share, slack });
        let ledger = f64::from(remembers_days) + 2.0 * 7.0;
        match self {
            Self::Memory => rule(0.0, 0.25, 6.0 * MB),
            Self::Files => rule(0.0, 0.1, 8.0),
            Self::Inbox => rule(30.0, 0.15, 2.0 * MB),
            Self::InboxPartitions => rule(30.0, 0.15, 4.0),
            Self::Ledger => rule(ledger, 0.15, 2.0 * MB),
            Self::LedgerPartitions => rule(ledger, 0.15, 4.0),
            Self::Outbox => rule(0.0, 0.15, 8.0 * MB),
            Self::OutboxTables => rule(0.0, 0.1, 4.0),
            Self::Calls => rule(110.0, 0.15, 4.0 * MB),
            Self::OtherTables => rule(110.0, 0.15, 2.0 * MB),
            Self::Journal => rule(0.0, 0.25, 16.0 * MB),
            Self::BrokerDisk | Self::BrokerMemory => rule(0.0, 0.25, 128.0 * MB),
            Self::Waiting => rule(0.0, 0.5, 100.0),
            Self::Median => rule(0.0, 0.5, 300.0),
            Self::NinetyNinth => rule(0.0, 0.5, 2_000.0),
            Self::OwnTables | Self::Ended | Self::Open => None,
        }
    }
}

impl MeasureUnit {
    /// A value with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Megabytes => format!("{:.1} MB", value / MB),
            Self::Count => format!("{value:.0}"),
            Self::PerSecond => format!("{value:.1}/s"),
            Self::Milliseconds => format!("{value:.0} ms"),
        }
    }

    /// The unit for display, and its size.
    pub(crate) const fn scale(self) -> (&'static str, f64) {
        match self {
            Self::Megabytes => ("MB", MB),
            Self::Count => ("", 1.0),
            Self::PerSecond => ("per second", 1.0),
            Self::Milliseconds => ("ms", 1.0),
        }
    }
}
