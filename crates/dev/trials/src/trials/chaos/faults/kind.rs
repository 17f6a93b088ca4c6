//! Kinds of faults.

use clap::ValueEnum;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FaultKind {
    /// SIGKILL for a process of a service.
    Kill,
    /// SIGTERM for a process of a service, which must end in time.
    Stop,
    /// SIGSTOP for a process of a service, for some seconds.
    Pause,
    /// The clock of a process jumps by minutes, days or months, and comes back.
    Clock,
    /// One process more or less of a service.
    Scale,
    /// `kill -9` for the broker, all nodes of a cluster at once, and a restart.
    Broker,
    /// `kill -9` for one node of a cluster, and a restart.
    Node,
    /// `kill -9` for the database server, and a restart.
    Postgres,
    /// The broker or the database server stands still for some seconds.
    Freeze,
    /// The broker's memory alarm: publishing is blocked.
    Alarm,
    /// A reader holds all tables of a service, as `pg_dump` does.
    Dump,
    /// A provider outside that a service plays itself hangs for a while.
    Provider,
    /// The network between a service and a server: slow, cut, or half-open.
    Network,
    /// Events come again, late and in another order, some of them under other ids.
    Copies,
}

impl FaultKind {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}
