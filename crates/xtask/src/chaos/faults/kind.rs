//! The kinds of faults, and how often each is chosen.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Kind {
    /// SIGKILL for a process of a service.
    Kill,
    /// SIGTERM for a process of a service, which must end in time.
    Stop,
    /// One process more or less of a service.
    Scale,
    /// `kill -9` for the broker, all nodes of a cluster at once, and a restart.
    Broker,
    /// `kill -9` for the node of a cluster that leads a service's queue, and a restart.
    Leader,
    /// The same for a node that follows.
    Follower,
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
    /// The databases answer late.
    Slow,
    /// The network between a service and a server: slow, cut, or half-open.
    Network,
    /// Events come again, late and in another order, some of them under other ids.
    Copies,
    /// Messages are taken out of a service's queue and put back in another order.
    Reorder,
}

impl Kind {
    pub(crate) const ALL: [Self; 16] = [
        Self::Kill,
        Self::Stop,
        Self::Scale,
        Self::Broker,
        Self::Leader,
        Self::Follower,
        Self::Postgres,
        Self::Freeze,
        Self::Close,
        Self::Queue,
        Self::Memory,
        Self::Disk,
        Self::Slow,
        Self::Network,
        Self::Copies,
        Self::Reorder,
    ];

    /// Whether the fault needs more than one node.
    pub(crate) const fn needs_cluster(self) -> bool {
        matches!(self, Self::Leader | Self::Follower)
    }

    /// How often the fault is chosen, relative to the others. Kills run besides all others, and a
    /// queue is deleted only when nothing moves.
    pub(crate) const fn weight(self) -> usize {
        match self {
            Self::Kill | Self::Queue => 0,
            // For seconds after one of these nothing else happens.
            Self::Broker | Self::Postgres | Self::Freeze | Self::Memory | Self::Disk => 2,
            Self::Scale | Self::Slow => 3,
            Self::Leader | Self::Follower => 4,
            Self::Stop | Self::Close | Self::Network | Self::Copies | Self::Reorder => 5,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Scale => "scale",
            Self::Broker => "broker",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Postgres => "postgres",
            Self::Freeze => "freeze",
            Self::Close => "close",
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Slow => "slow",
            Self::Network => "network",
            Self::Copies => "copies",
            Self::Reorder => "reorder",
        }
    }

    /// The line of the summary.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::Kill => "a service killed (SIGKILL) and started again",
            Self::Stop => "a service stopped (SIGTERM) and started again",
            Self::Scale => "a replica added or removed",
            Self::Broker => "the broker killed (SIGKILL), with all its nodes, and started again",
            Self::Leader => "the node that leads a queue killed (SIGKILL) and started again",
            Self::Follower => "a node that follows killed (SIGKILL) and started again",
            Self::Postgres => "Postgres killed (SIGKILL) and started again",
            Self::Freeze => "the broker or Postgres frozen",
            Self::Close => "a service's connections closed by the broker",
            Self::Queue => "a service's queue deleted and created again",
            Self::Memory => "memory alarm: publishing blocked",
            Self::Disk => "disk alarm: publishing blocked",
            Self::Slow => "slow databases",
            Self::Network => "network slow, cut or half-open",
            Self::Copies => "events sent again, late and shuffled",
            Self::Reorder => "a queue's messages put back in another order",
        }
    }
}
