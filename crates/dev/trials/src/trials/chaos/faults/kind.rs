//! Kinds of faults, and their weights.

use clap::ValueEnum;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum FaultKind {
    /// SIGKILL for a process of a service.
    Kill,
    /// SIGTERM for a process of a service, which must end in time.
    Stop,
    /// SIGSTOP for a process of a service, for up to a minute.
    Pause,
    /// The clock of a process jumps by minutes, days or months, and comes back.
    Clock,
    /// One process more or less of a service.
    Scale,
    /// `kill -9` for the broker, all nodes of a cluster at once, and a restart.
    Broker,
    /// `kill -9` for the node of a cluster that leads a service's queue, and a restart.
    Leader,
    /// The same for a node that follows.
    Follower,
    /// A node of a cluster loses its links to the others, which pauses it.
    Split,
    /// `kill -9` for the database server, and a restart.
    Postgres,
    /// The broker or the database server stands still for some seconds.
    Freeze,
    /// The broker closes a service's connections.
    Close,
    /// A service's queue is deleted while it is empty, and created again.
    Queue,
    /// The broker's memory alarm: publishing is blocked.
    Memory,
    /// The broker's disk alarm: publishing is blocked.
    Disk,
    /// The disk of Postgres or of the broker is really full.
    Full,
    /// A service may not publish, or not consume, for a while.
    Permission,
    /// A reader holds all tables of a service, as `pg_dump` does.
    Dump,
    /// A database accepts no more connections of its service.
    Pool,
    /// A provider outside that a service plays itself hangs or fails for a while.
    Provider,
    /// The databases answer late.
    Slow,
    /// The network between a service and a server: slow, cut, or half-open.
    Network,
    /// Bytes that belong to no frame get between a service and the broker.
    Corrupt,
    /// Events come again, late and in another order, some of them under other ids.
    Copies,
    /// Messages are taken out of a service's queue and put back in another order.
    Reorder,
}

impl FaultKind {
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    pub(crate) const fn needs_cluster(self) -> bool {
        matches!(self, Self::Leader | Self::Follower | Self::Split)
    }

    /// Whether the fault is between services and servers.
    pub(crate) const fn needs_proxies(self) -> bool {
        matches!(self, Self::Slow | Self::Network | Self::Corrupt)
    }

    pub(crate) const fn name(self) -> &'static str {
        self.row().0
    }

    /// The weight in the choice of the next fault. Kills run besides, and a queue is deleted only when nothing moves.
    pub(crate) const fn weight(self) -> usize {
        self.row().1
    }

    pub(crate) const fn description(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (&'static str, usize, &'static str) {
        match self {
            Self::Kill => ("kill", 0, "a service killed (SIGKILL) and started again"),
            Self::Stop => ("stop", 5, "a service stopped (SIGTERM) and started again"),
            Self::Pause => ("pause", 3, "a service frozen (SIGSTOP) for up to a minute"),
            Self::Clock => {
                ("clock", 4, "a service's clock jumped by minutes, days or months, and back")
            }
            Self::Scale => ("scale", 3, "a replica added or removed"),
            Self::Broker => {
                ("broker", 2, "the broker killed (SIGKILL), with all its nodes, and started again")
            }
            Self::Leader => {
                ("leader", 4, "the node that leads a queue killed (SIGKILL) and started again")
            }
            Self::Follower => {
                ("follower", 4, "a node that follows killed (SIGKILL) and started again")
            }
            Self::Split => ("split", 4, "the cluster cut in two"),
            Self::Postgres => ("postgres", 2, "Postgres killed (SIGKILL) and started again"),
            Self::Freeze => ("freeze", 2, "the broker or Postgres frozen"),
            Self::Close => ("close", 5, "a service's connections closed by the broker"),
            Self::Queue => ("queue", 0, "a service's queue deleted and created again"),
            Self::Memory => ("memory", 2, "memory alarm: publishing blocked"),
            Self::Disk => ("disk", 2, "disk alarm: publishing blocked"),
            Self::Full => ("full", 2, "the disk of Postgres or of the broker full"),
            Self::Permission => {
                ("permission", 4, "a broker permission taken from a service and given back")
            }
            Self::Dump => ("dump", 4, "all tables of a service held by a reader, as pg_dump does"),
            Self::Pool => {
                ("pool", 4, "a service's connections to its database ended, new ones refused")
            }
            Self::Provider => ("provider", 3, "a provider outside away"),
            Self::Slow => ("slow", 3, "slow databases"),
            Self::Network => ("network", 5, "network slow, cut or half-open"),
            Self::Corrupt => ("corrupt", 4, "garbage between a service and the broker"),
            Self::Copies => ("copies", 5, "events sent again, late and shuffled"),
            Self::Reorder => ("reorder", 5, "a queue's messages put back in another order"),
        }
    }
}
