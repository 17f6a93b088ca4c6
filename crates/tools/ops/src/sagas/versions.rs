//! The versions of each saga, and how many sagas are left under each. Versions without sagas can be removed from the
//! code.

use std::collections::BTreeMap;

use ballet_core::{Graph, System};
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;

use crate::sagas::list::open;

/// One version of a saga that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaVersion {
    /// The saga.
    pub saga: &'static str,
    /// The number of the version.
    pub version: u32,
    /// The number of sagas that run under it.
    pub open: usize,
    /// When the oldest of them began.
    pub oldest: Option<Timestamp>,
    /// The role of the version.
    pub role: VersionRole,
}

/// The role of a version of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionRole {
    /// Sagas begin under it.
    Begins,
    /// Sagas begin under a later version, and the remaining ones end under this one.
    Ends,
    /// No saga is left.
    Over,
    /// Sagas begin under an earlier version.
    Coming,
}

impl VersionRole {
    /// Returns the role as a predicate.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begins => "sagas begin under it",
            Self::Ends => "its sagas end under it",
            Self::Over => "it can be removed: none of its sagas is open",
            Self::Coming => "no saga begins under it yet",
        }
    }
}

/// Whether a saga of the system has several versions.
#[must_use]
pub fn has_versions(system: &System) -> bool {
    let graph = Graph::new(system.clone());
    graph.sagas().into_iter().any(|saga| graph.versions(saga).len() > 1)
}

/// Returns the versions of sagas with several, and the unreadable databases. While a database is unavailable, no
/// version counts as over.
pub async fn versions(
    system: &System,
    databases: &[(String, PgConnectOptions)],
) -> (Vec<SagaVersion>, Vec<String>) {
    let found = open(system, databases, &[]).await;
    let mut open: BTreeMap<(&str, u32), (usize, Timestamp)> = BTreeMap::new();
    for saga in &found.sagas {
        for of in &saga.versions {
            let (count, oldest) = open.entry(*of).or_insert((0, saga.began));
            (*count, *oldest) = (*count + 1, saga.began.min(*oldest));
        }
    }
    let graph = Graph::new(system.clone());
    let mut all = Vec::new();
    for saga in graph.sagas() {
        let versions = graph.versions(saga);
        if versions.len() < 2 {
            continue;
        }
        let begun = graph.begun_version(saga);
        all.extend(versions.into_iter().map(|version| {
            let left = open.get(&(saga, version));
            let role = match () {
                () if version == begun => VersionRole::Begins,
                () if version > begun => VersionRole::Coming,
                () if left.is_none() && found.away.is_empty() => VersionRole::Over,
                () => VersionRole::Ends,
            };
            let (open, oldest) = (left.map_or(0, |one| one.0), left.map(|one| one.1));
            SagaVersion { saga, version, open, oldest, role }
        }));
    }
    (all, found.away)
}
