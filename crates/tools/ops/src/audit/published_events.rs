//! Compares the ledgers with a record of all published events, which only a trial has. This finds a lost event on which
//! no service acts.

use std::collections::{BTreeMap, HashSet};

use ballet_amqp::TlsFiles;
use ballet_core::System;
use ballet_store::database::connection::connect_options;
use ballet_store::deadlines;
use uuid::Uuid;

use crate::audit::ledger::{self, RowsByService, undecided};
use crate::audit::window::next_window;
use crate::databases::{ServiceDatabase, ServiceDatabases};
use crate::words::counted;

/// The differences between the ledgers and a record of all published events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerComparison {
    /// The events that a service recorded and that were never published: a sentence each.
    pub never_published: Vec<String>,
    /// The sagas without a decision or a coming deadline, each with its owner.
    pub never_ending: Vec<(Uuid, String)>,
}

/// Compares the ledgers of a quiescent system with the published events. `published` counts the events of a saga and a
/// type, without copies. Forgotten ledger rows are not compared.
///
/// # Errors
///
/// If a database cannot be read, with the reason.
pub async fn compare(
    system: &System,
    databases: &[(String, String)],
    published: impl Fn(Uuid, &str) -> usize,
) -> Result<LedgerComparison, String> {
    let mut known = Vec::with_capacity(databases.len());
    for (service, url) in databases {
        let options = connect_options(url, &TlsFiles::default());
        let options = options.map_err(|error| format!("the database of {service}: {error}"))?;
        known.push((service.clone(), options));
    }
    let mut sources = ServiceDatabases::open(&known).await;
    let compared = compare_all(system, &mut sources, published).await;
    let away = sources.why_away();
    sources.close().await;
    if away.is_empty() { Ok(compared) } else { Err(away.join("; ")) }
}

async fn compare_all(
    system: &System,
    sources: &mut ServiceDatabases<'_>,
    published: impl Fn(Uuid, &str) -> usize,
) -> LedgerComparison {
    let mut with_deadline = HashSet::new();
    for ServiceDatabase { server, db, .. } in sources.each() {
        let all = server.read(deadlines::all(db)).await.into_iter().flatten();
        with_deadline.extend(all.map(|(saga, _)| saga));
    }
    let (mut compared, mut after) = (LedgerComparison::default(), None);
    loop {
        let (sagas, upper) = next_window(sources, after).await;
        for (saga, rows) in &sagas {
            let of_saga = |event_type: &str| published(*saga, event_type);
            compared.never_published.extend(never_published(system, *saga, rows, of_saga));
            if !with_deadline.contains(saga) {
                compared.never_ending.extend(never_ending(system, *saga, rows));
            }
        }
        if upper.is_none() {
            return compared;
        }
        after = upper;
    }
}

pub(crate) fn never_published(
    system: &System,
    saga: Uuid,
    rows: &RowsByService<'_>,
    published: impl Fn(&str) -> usize,
) -> Vec<String> {
    let mut missing = Vec::new();
    for part in &system.parts {
        let own = rows.get(part.service).map_or(&[][..], Vec::as_slice);
        let mut recorded: BTreeMap<&str, usize> = BTreeMap::new();
        for row in ledger::published(part, own) {
            *recorded.entry(row.event_type.as_deref().unwrap_or_default()).or_default() += 1;
        }
        for (event_type, count) in recorded {
            let seen = published(event_type);
            if seen < count {
                missing.push(format!(
                    "saga {saga}: {} has recorded {event_type} in {}, and {seen} were published",
                    part.service,
                    counted(count, "row")
                ));
            }
        }
    }
    missing
}

/// Returns the owners of an undecided saga.
pub(crate) fn never_ending(
    system: &System,
    saga: Uuid,
    rows: &RowsByService<'_>,
) -> Vec<(Uuid, String)> {
    let parts = system.parts.iter();
    let undecided = parts.flat_map(|part| {
        let own = rows.get(part.service).map_or(&[][..], Vec::as_slice);
        undecided(part, own)
    });
    undecided.map(|undecided| (saga, undecided.owner.to_owned())).collect()
}

#[cfg(test)]
#[path = "published_events_tests.rs"]
mod tests;
