//! What a look at the servers of a system found: what is wrong, and what to do.

/// The checks, each before those that it may be the cause of.
const ORDER: [&str; 22] = [
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
    "paused",
    "lag",
    "held",
    "outbox",
    "lost",
    "sagas",
    "stuck",
];

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is to do.
    Well,
    /// Somebody should look at it; the system works.
    Warning,
    /// Somebody has to act.
    Bad,
    /// It could not be checked.
    Unknown,
}

/// The result of one check of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// A service, a node, or the broker.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do. Empty if there is nothing to do.
    pub advice: String,
    /// The queue and the event of a binding that is missing.
    pub binding: Option<(String, String)>,
}

impl State {
    /// The word for it.
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

impl Finding {
    /// Where it comes among others: what is worst first, and a cause before what follows from it.
    #[must_use]
    pub fn rank(&self) -> (u8, usize) {
        let state = match self.state {
            State::Bad => 0,
            State::Unknown => 1,
            State::Warning => 2,
            State::Well => 3,
        };
        let at = ORDER.iter().position(|check| *check == self.check);
        (state, at.unwrap_or(ORDER.len()))
    }

    /// All is well.
    #[must_use]
    pub fn well(check: &'static str, subject: &str, found: &str) -> Self {
        Self::new(check, subject, State::Well, found, "")
    }

    /// Somebody should look at it.
    #[must_use]
    pub fn warning(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, State::Warning, found, advice)
    }

    /// Something is wrong.
    #[must_use]
    pub fn bad(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, State::Bad, found, advice)
    }

    /// It could not be checked.
    #[must_use]
    pub fn unknown(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, State::Unknown, found, advice)
    }

    fn new(check: &'static str, subject: &str, state: State, found: &str, advice: &str) -> Self {
        let (subject, found, advice) = (subject.to_owned(), found.to_owned(), advice.to_owned());
        Self { check, subject, state, found, advice, binding: None }
    }
}
