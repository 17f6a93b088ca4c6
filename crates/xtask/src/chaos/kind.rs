//! What can go wrong.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub(crate) enum Kind {
    /// SIGKILL for a process of a service.
    Kill,
    /// SIGTERM for a process of a service: it has to end in time.
    Stop,
    /// A process more, or less, of a service.
    Scale,
    /// `kill -9` for the broker, all nodes of a cluster at once, and a restart.
    Broker,
    /// `kill -9` for the node of a cluster that leads a service's queue, and a restart.
    Leader,
    /// The same for a node that follows.
    Follower,
    /// `kill -9` for the database server, and a restart.
    Postgres,
    /// Broker or database server stand still for some seconds.
    Freeze,
    /// The broker closes a service's connections.
    Close,
    /// A service's queue is deleted and made again, at a moment when it is empty.
    Queue,
    /// The broker's memory alarm: publishing is blocked.
    Memory,
    /// The broker's disk alarm: publishing is blocked.
    Disk,
    /// The databases answer late.
    Slow,
    /// The network between a service and a server: slow, cut, or half-open.
    Network,
    /// Events come again, late and in another order, with the same and with other ids.
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

    /// Whether it takes more than one node.
    pub(crate) const fn needs_cluster(self) -> bool {
        matches!(self, Self::Leader | Self::Follower)
    }

    /// How often it is chosen, beside the others. Kills come beside all else, and queues are made
    /// again when all is at rest.
    pub(crate) const fn weight(self) -> usize {
        match self {
            Self::Kill | Self::Queue => 0,
            // These take seconds in which nothing else happens.
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

    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Kill => "a service killed (SIGKILL) and started again",
            Self::Stop => "a service stopped (SIGTERM) and started again",
            Self::Scale => "a replica added or taken away",
            Self::Broker => "the broker killed (SIGKILL), with all its nodes, and started again",
            Self::Leader => "the node that leads a queue killed (SIGKILL) and started again",
            Self::Follower => "a node that follows killed (SIGKILL) and started again",
            Self::Postgres => "Postgres killed (SIGKILL) and started again",
            Self::Freeze => "the broker or Postgres frozen",
            Self::Close => "a service's connections closed by the broker",
            Self::Queue => "a service's queue deleted and made again",
            Self::Memory => "memory alarm: publishing blocked",
            Self::Disk => "disk alarm: publishing blocked",
            Self::Slow => "slow databases",
            Self::Network => "network slow, cut or half-open",
            Self::Copies => "events sent again, late and shuffled",
            Self::Reorder => "a queue's messages put back in another order",
        }
    }
}
