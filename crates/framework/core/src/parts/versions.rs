//! The versions of a saga for which a part is declared.

use std::fmt;

use serde::Serialize;

/// The first version of a saga, and the only one of most.
pub const FIRST: u32 = 1;

/// The versions of its saga that a step is of.
///
/// ```
/// use ballet_core::versions::Versions;
///
/// let old = Versions::ALL.until(1);
/// assert!(old.has(1) && !old.has(2));
/// assert!(!old.meets(Versions::ALL.since(2)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Versions {
    since: u32,
    until: Option<u32>,
}

impl Versions {
    /// Every version, as for a step that names none.
    pub const ALL: Self = Self { since: FIRST, until: None };

    /// Limits the versions to those from this one on.
    #[must_use]
    pub fn since(self, version: u32) -> Self {
        Self { since: self.since.max(version), ..self }
    }

    /// Limits the versions to those up to and including this one.
    #[must_use]
    pub fn until(self, version: u32) -> Self {
        Self { until: Some(self.until.map_or(version, |until| until.min(version))), ..self }
    }

    /// Whether this version is one of them.
    #[must_use]
    pub fn has(self, version: u32) -> bool {
        self.since <= version && self.until.is_none_or(|until| version <= until)
    }

    /// Whether one version is in both.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        let both = self.and(other);
        both.until.is_none_or(|until| both.since <= until)
    }

    /// Returns the versions that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let both = self.since(other.since);
        other.until.map_or(both, |until| both.until(until))
    }

    /// The first of them.
    #[must_use]
    pub const fn first(self) -> u32 {
        self.since
    }

    /// The last of them, unless it goes on.
    #[must_use]
    pub const fn last(self) -> Option<u32> {
        self.until
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (FIRST, None) => f.write_str("every version"),
            (since, None) => write!(f, "version {since} and later ones"),
            (since, Some(until)) if since == until => write!(f, "version {since}"),
            (FIRST, Some(until)) => write!(f, "the versions up to {until}"),
            (since, Some(until)) => write!(f, "the versions {since} to {until}"),
        }
    }
}
