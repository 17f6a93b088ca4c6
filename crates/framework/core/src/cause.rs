//! The causes for which a system does not work. Each has one name, in readiness, in findings and in alarms.

use crate::named::named;

named! {
    /// A cause for which a system, or a part of it, does not work. A possible cause comes before its effects.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Cause, name
    /// The broker does not answer.
    Broker = "broker",
    /// The broker refuses a login.
    BrokerLogin = "broker login",
    /// The broker's management API does not answer.
    Management = "management",
    /// A node of the broker does not run, or lacks something.
    Node = "nodes",
    /// The broker's cluster is partitioned.
    Cluster = "cluster",
    /// The broker has too little memory, and takes nothing.
    Memory = "memory",
    /// The broker has too little room on a disk, and takes nothing.
    Disk = "disk",
    /// The broker blocks publishers: it has an alarm of memory or disk.
    Blocked = "blocked",
    /// A database does not answer.
    Database = "database",
    /// A database refuses a login.
    DatabaseLogin = "database login",
    /// A database's server recovers, or is a standby: it takes no writes.
    Recovery = "recovery",
    /// A table is locked by somebody.
    Lock = "lock",
    /// A right in a database is revoked, or a table is gone.
    Right = "right",
    /// A database has no room.
    Room = "room",
    /// An exchange or another object of the broker differs from the declarations.
    Topology = "topology",
    /// A queue is missing, is another one, or stands still.
    Queue = "queue",
    /// A policy makes a queue lose messages.
    Policy = "policy",
    /// A binding is missing.
    Binding = "binding",
    /// A user of the broker has other rights than declared.
    Rights = "rights",
    /// The journal lacks what it promises to keep.
    Journal = "journal",
    /// The framework's tables differ from those of this release.
    Tables = "tables",
    /// A database does not keep what is committed.
    Durability = "durability",
    /// A database's server sorts text otherwise than its indexes do.
    Collation = "collation",
    /// A clock is wrong.
    Clock = "clock",
    /// A server's version is too old.
    Version = "version",
    /// A process does not start.
    Start = "start",
    /// A service takes no messages.
    Paused = "paused",
    /// A service has no process.
    Process = "process",
    /// A process gives no sign of life.
    Frozen = "frozen",
    /// A process is not ready for another reason.
    Ready = "ready",
    /// A statement of a step does not fit the database.
    Handler = "handler",
    /// A message is neither handled nor set aside.
    Standstill = "standstill",
    /// The provider that a step calls fails.
    Provider = "provider",
    /// The inbox has no partition for a day.
    Partitions = "partitions",
    /// Nobody reads a queue, or its reader is behind.
    Lag = "lag",
    /// Messages cannot be dead-lettered by the broker.
    Held = "held",
    /// The broker does not take what a service publishes.
    Publishing = "publishing",
    /// Events can never be published.
    Outbox = "outbox",
    /// Telemetry is not read, or not published.
    Telemetry = "telemetry",
    /// A copy is empty or old.
    Copies = "copies",
    /// Dead letters wait for a person.
    DeadLetters = "dead letters",
    /// Events reached no service.
    Unrouted = "unrouted",
    /// A queue gets messages, and nobody reads or declares it.
    Abandoned = "abandoned",
    /// Messages or calls fail.
    Stuck = "stuck",
    /// Ids of messages are used twice.
    Ids = "ids",
    /// A saga does what the contracts exclude.
    Choreography = "choreography",
    /// The gateway lacks something.
    Gateway = "gateway",
}

impl Cause {
    /// Returns the first cause of a reason as a process writes it: `lock: the table room is locked`.
    #[must_use]
    pub fn of_reason(reason: &str) -> Option<Self> {
        let (name, _) = reason.split_once(": ")?;
        Self::ALL.iter().copied().find(|cause| cause.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_read_from_its_reason_and_other_text_is_none() {
        for cause in Cause::ALL {
            assert_eq!(Cause::of_reason(&format!("{cause}: as it is: so")), Some(*cause));
        }
        assert_eq!(Cause::of_reason("it starts"), None);
        assert_eq!(Cause::of_reason("room 7: taken"), None);
    }
}
