//! The findings of a check of a system's servers, with advice.

/// The checks. A possible cause comes before its effects.
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

/// The state of the thing that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    /// There is nothing to do.
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
    /// The name of the check.
    pub check: &'static str,
    /// A service, a node, or the broker.
    pub subject: String,
    /// The state of the subject.
    pub state: FindingState,
    /// The finding, in words.
    pub found: String,
    /// The advice. Empty if there is nothing to do.
    pub advice: String,
    /// The queue and the event of a binding that is missing.
    pub binding: Option<(String, String)>,
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

impl Finding {
    /// Returns the sort key: the worst finding comes first, and a cause before its effects.
    #[must_use]
    pub fn rank(&self) -> (u8, usize) {
        let state = match self.state {
            FindingState::Bad => 0,
            FindingState::Unknown => 1,
            FindingState::Warning => 2,
            FindingState::Well => 3,
        };
        let at = ORDER.iter().position(|check| *check == self.check);
        (state, at.unwrap_or(ORDER.len()))
    }

    /// Makes a finding that all is well.
    #[must_use]
    pub fn well(check: &'static str, subject: &str, found: &str) -> Self {
        Self::new(check, subject, FindingState::Well, found, "")
    }

    /// Makes a finding that somebody should look at.
    #[must_use]
    pub fn warning(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, FindingState::Warning, found, advice)
    }

    /// Makes a finding that something is wrong.
    #[must_use]
    pub fn bad(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, FindingState::Bad, found, advice)
    }

    /// Makes a finding that the subject could not be checked.
    #[must_use]
    pub fn unknown(check: &'static str, subject: &str, found: &str, advice: &str) -> Self {
        Self::new(check, subject, FindingState::Unknown, found, advice)
    }

    fn new(
        check: &'static str,
        subject: &str,
        state: FindingState,
        found: &str,
        advice: &str,
    ) -> Self {
        let (subject, found, advice) = (subject.to_owned(), found.to_owned(), advice.to_owned());
        Self { check, subject, state, found, advice, binding: None }
    }
}
