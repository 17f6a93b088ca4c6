//! Checks that every copy equals its source.

use std::time::Duration;

use ballet_core::System;
use ballet_store::copies::fills;
use sqlx::PgConnection;

use crate::audit::report::Report;
use crate::audit::snapshot::BrokerSnapshot;
use crate::copies::{CopyCheck, CopyComparison, CopyDifference};
use crate::databases::{ServiceDatabases, read_in_time};

/// The time that a change may take to reach the reader.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most rows that are named.
const MOST: usize = 20;

/// Compares the copies of all services with their owners' rows. A row that differs is a violation if
/// nothing is on its way to the reader any more, and the copy was filled.
pub(super) async fn judge(
    system: &System,
    sources: &mut ServiceDatabases<'_>,
    broker: &BrokerSnapshot,
    report: &mut Report,
) {
    for part in &system.parts {
        for copy in &part.copies {
            let (entity, owner) = (copy.entity, copy.owner);
            let open = &mut sources.open;
            let place = |service: &str| open.iter().position(|source| source.service == service);
            let (Some(mine), Some(theirs)) = (place(part.service), place(owner)) else { continue };
            let Ok([reader, source]) = open.get_disjoint_mut([mine, theirs]) else { continue };
            let servers = [reader.options, source.options];
            let compared = compare(&mut reader.db, &mut source.db, entity);
            match read_in_time(&servers, compared).await {
                Ok(None) => {}
                Ok(Some((found, is_filled))) => {
                    report.rows += usize::try_from(found.compared).unwrap_or(usize::MAX);
                    let lines = found.differences.iter();
                    let lines = lines.map(|one| in_words(part.service, entity, one));
                    // The snapshot of the broker is older than the rows.
                    let on_the_way = !is_filled
                        || broker.away.is_some()
                        || broker.queues.values().any(|waiting| *waiting > 0);
                    if on_the_way { &mut report.open } else { &mut report.violations }
                        .extend(lines);
                }
                Err(why) => report
                    .away
                    .push(format!("{entity} in {}, or its source in {owner}: {why}", part.service)),
            }
        }
    }
}

/// Returns the rows that differ, and whether the copy was filled. `None` if the owner does not share the entity.
async fn compare(
    reader: &mut PgConnection,
    source: &mut PgConnection,
    entity: &str,
) -> Result<Option<(CopyComparison, bool)>, sqlx::Error> {
    let check = CopyCheck { patience: PATIENCE, most: MOST };
    let Some(found) = check.run(reader, source, entity, |_| {}).await? else { return Ok(None) };
    if found.differences.is_empty() {
        return Ok(Some((found, true)));
    }
    Ok(Some((found, fills::is_filled(reader, entity).await?)))
}

fn in_words(service: &str, entity: &str, difference: &CopyDifference) -> String {
    let CopyDifference { id, kind, copy, owner } = difference;
    let version = |version: &Option<i64>| version.map_or("none".to_owned(), |one| one.to_string());
    format!(
        "{service}: {entity} {id} is {} in the copy: it has version {}, the owner {}",
        kind.as_str(),
        version(copy),
        version(owner)
    )
}
