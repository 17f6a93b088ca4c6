//! Whether every copy equals its source.

use std::time::Duration;

use ballet_core::System;
use sqlx::PgConnection;

use crate::audit::report::Report;
use crate::audit::snapshot::BrokerSnapshot;
use crate::copies::{Check, Difference};

/// How long a change may be on its way.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most rows that are named.
const MOST: usize = 20;

/// Compares the copies of all services with their owners' rows. A row that differs is a violation if
/// nothing is on its way to the reader any more, and the copy was filled.
///
/// # Errors
///
/// The database of which service could not be read, and why.
pub(super) async fn judge(
    system: &System,
    connections: &mut [(&str, PgConnection)],
    broker: &BrokerSnapshot,
    report: &mut Report,
) -> Result<(), (String, sqlx::Error)> {
    let check = Check { patience: PATIENCE, most: MOST };
    for part in &system.parts {
        for copy in &part.copies {
            let (entity, owner) = (copy.entity, copy.owner);
            let place = |service: &str| connections.iter().position(|(name, _)| *name == service);
            let (Some(mine), Some(theirs)) = (place(part.service), place(owner)) else { continue };
            let Ok([(_, reader), (_, source)]) = connections.get_disjoint_mut([mine, theirs])
            else {
                continue;
            };
            let of_reader = |error| (part.service.to_owned(), error);
            let found = check.run(reader, source, entity, |_| {}).await.map_err(of_reader)?;
            let Some(found) = found else { continue };
            report.rows += usize::try_from(found.compared).unwrap_or(usize::MAX);
            if found.differences.is_empty() {
                continue;
            }
            let lines = found.differences.iter().map(|one| in_words(part.service, entity, one));
            let filled = "select filled_run is not null from ballet.copy_fill where entity = $1";
            let filled = sqlx::query_scalar(filled).bind(entity).fetch_optional(reader).await;
            let is_filled: bool = filled.map_err(of_reader)?.unwrap_or(false);
            // The snapshot of the broker is older than the rows.
            let on_the_way = !is_filled || broker.queues.values().any(|waiting| *waiting > 0);
            if on_the_way { &mut report.open } else { &mut report.violations }.extend(lines);
        }
    }
    Ok(())
}

fn in_words(service: &str, entity: &str, difference: &Difference) -> String {
    let Difference { id, kind, copy, owner } = difference;
    let version = |version: &Option<i64>| version.map_or("none".to_owned(), |one| one.to_string());
    format!(
        "{service}: {entity} {id} is {} in the copy: it has version {}, the owner {}",
        kind.as_str(),
        version(copy),
        version(owner)
    )
}
