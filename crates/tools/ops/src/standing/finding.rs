//! The findings on a running system: a cause, a subject, since when, and what to do. All pages and commands that say
//! what is wrong show these.

use ballet_core::Cause;
use jiff::Timestamp;

/// The subject of findings on the broker as a whole.
pub const BROKER: &str = "the broker";

/// The state of the thing that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingState {
    /// Somebody has to act.
    Bad,
    /// It could not be checked.
    Unknown,
    /// Somebody should look at it; the system works.
    Warning,
    /// There is nothing to do.
    Well,
}

/// The sagas that a finding keeps from going on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Hinders {
    /// None.
    #[default]
    Nothing,
    /// All.
    All,
    /// Those that wait for a service.
    Service(String),
    /// Those that wait for a step of a service.
    Step(String, String),
    /// Those that wait for an event in a queue.
    Event(String, String),
}

/// The part of the system that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The broker, its nodes, users and queues.
    Broker,
    /// The services' databases.
    Databases,
    /// The services.
    Services,
    /// The other sides of calls to the outside.
    Providers,
}

/// The result of one check of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The cause: what was checked.
    pub cause: Cause,
    /// A service, a node, or the broker.
    pub subject: String,
    /// The state of the subject.
    pub state: FindingState,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
    /// The finding, in words.
    pub found: String,
    /// The advice. Empty if there is nothing to do.
    pub advice: String,
    /// The sagas that it keeps from going on.
    pub hinders: Hinders,
}

impl FindingState {
    /// Returns the state as a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }

    /// Whether somebody has to act.
    #[must_use]
    pub const fn needs_somebody(self) -> bool {
        matches!(self, Self::Bad | Self::Unknown)
    }
}

impl Area {
    /// All areas.
    pub const ALL: [Self; 4] = [Self::Broker, Self::Databases, Self::Services, Self::Providers];

    /// Returns the name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Databases => "databases",
            Self::Services => "services",
            Self::Providers => "providers",
        }
    }
}

impl Finding {
    /// Returns the sort key: the worst first, and a cause before its effects.
    #[must_use]
    pub const fn rank(&self) -> (FindingState, Cause) {
        (self.state, self.cause)
    }

    /// Returns the part of the system that it is about.
    #[must_use]
    pub fn area(&self) -> Area {
        use Cause::{
            Collation, Database, DatabaseLogin, Durability, Lock, Partitions, Provider, Recovery,
            Room, Tables,
        };
        use Cause::{
            Copies, DeadLetters, Frozen, Handler, Ids, Lag, Outbox, Paused, Process, Publishing,
            Ready, Standstill, Start, Stuck, Telemetry,
        };
        match self.cause {
            Provider => Area::Providers,
            Database | DatabaseLogin | Recovery | Lock | Room | Tables | Durability | Collation
            | Partitions => Area::Databases,
            Copies | DeadLetters | Frozen | Handler | Ids | Lag | Outbox | Paused | Process
            | Publishing | Ready | Standstill | Start | Stuck | Telemetry => Area::Services,
            Cause::Clock | Cause::Version if self.subject != BROKER => Area::Databases,
            _ => Area::Broker,
        }
    }

    /// Makes a finding that all is well.
    #[must_use]
    pub fn well(cause: Cause, subject: &str, found: &str) -> Self {
        Self::new(cause, subject, FindingState::Well, found, "")
    }

    /// Makes a finding that somebody should look at.
    #[must_use]
    pub fn warning(cause: Cause, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(cause, subject, FindingState::Warning, found, advice)
    }

    /// Makes a finding that something is wrong.
    #[must_use]
    pub fn bad(cause: Cause, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(cause, subject, FindingState::Bad, found, advice)
    }

    /// Makes a finding that the subject could not be checked.
    #[must_use]
    pub fn unknown(cause: Cause, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(cause, subject, FindingState::Unknown, found, advice)
    }

    /// Adds since when it is so.
    #[must_use]
    pub fn since(self, since: impl Into<Option<Timestamp>>) -> Self {
        Self { since: since.into(), ..self }
    }

    /// Adds the sagas that it keeps from going on.
    #[must_use]
    pub fn hinders(self, hinders: Hinders) -> Self {
        Self { hinders, ..self }
    }

    fn new(cause: Cause, subject: &str, state: FindingState, found: &str, advice: &str) -> Self {
        let (subject, found, advice) = (subject.to_owned(), found.to_owned(), advice.to_owned());
        Self { cause, subject, state, since: None, found, advice, hinders: Hinders::Nothing }
    }
}
