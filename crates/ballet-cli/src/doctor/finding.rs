//! What a check found.

/// The checks, each before those that it may be the cause of.
const ORDER: [&str; 21] = [
    "connection",
    "management",
    "nodes",
    "partitions",
    "memory",
    "disk",
    "locks",
    "topology",
    "rights",
    "journal",
    "tables",
    "durability",
    "clock",
    "version",
    "ready",
    "lag",
    "held",
    "outbox",
    "lost",
    "sagas",
    "stuck",
];

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Well,
    /// Somebody should look at it; the system works.
    Warning,
    Bad,
    /// It could not be checked.
    Unknown,
}

/// The result of one check of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    /// A service, a node, or the broker.
    pub(super) subject: String,
    pub(super) state: State,
    pub(super) found: String,
    /// What to do. Empty if there is nothing to do.
    pub(super) advice: String,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }

    pub(super) const fn needs_somebody(self) -> bool {
        matches!(self, Self::Bad | Self::Unknown)
    }
}

impl Finding {
    /// Where it comes among others: what is worst first, and a cause before what follows from it.
    pub(super) fn rank(&self) -> (u8, usize) {
        let state = match self.state {
            State::Bad => 0,
            State::Unknown => 1,
            State::Warning => 2,
            State::Well => 3,
        };
        let at = ORDER.iter().position(|check| *check == self.check);
        (state, at.unwrap_or(ORDER.len()))
    }

    pub(super) fn well(check: &'static str, subject: &str, found: &str) -> Self {
        Self::new(check, subject, State::Well, found, "")
    }

    pub(super) fn warning(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, State::Warning, found, advice)
    }

    pub(super) fn bad(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, State::Bad, found, advice)
    }

    pub(super) fn unknown(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, State::Unknown, found, advice)
    }

    fn new(check: &'static str, subject: &str, state: State, found: &str, advice: &str) -> Self {
        let (subject, found, advice) = (subject.to_owned(), found.to_owned(), advice.to_owned());
        Self { check, subject, state, found, advice }
    }
}

/// A number in the management API's answers.
pub(super) fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A system for the tests of the checks.
#[cfg(test)]
pub(super) fn system_of(parts: Vec<ballet::core::Part>) -> ballet::core::System {
    ballet::core::System { name: "shop", parts }
}
