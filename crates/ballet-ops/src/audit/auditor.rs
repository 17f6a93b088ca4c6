//! Reads the databases of all services and has them judged, saga by saga.

use std::collections::BTreeMap;

use ballet_core::System;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::audit::judge::Judge;
use crate::audit::ledger::Rows;
use crate::audit::report::Report;
use crate::audit::snapshot::BrokerSnapshot;
use crate::audit::{copies, deadlines, read};

/// A database that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the database of {service}: {error}")]
pub struct Unreadable {
    service: String,
    #[source]
    error: sqlx::Error,
}

/// Audits the framework's tables of all services. A saga is quiescent when no service has recorded
/// anything of it for `quiescent_after`. That must be longer than the broker's figures are old,
/// which is up to five seconds by default.
///
/// `databases` names each service with the URL of its database.
///
/// # Errors
///
/// If a database cannot be read.
pub async fn audit(
    system: &System,
    databases: &[(String, String)],
    broker: &BrokerSnapshot,
    quiescent_after: SignedDuration,
) -> Result<Report, Unreadable> {
    let mut connections = Vec::with_capacity(databases.len());
    for (service, url) in databases {
        let db = PgConnection::connect(url).await;
        let db = db.map_err(|error| Unreadable { service: service.clone(), error })?;
        connections.push((service.as_str(), db));
    }
    let mut report = Report::default();
    let mut after = None;
    let mut service = "";
    // Calls and outboxes first: what is closed or published after this is not quiescent yet.
    let read = async {
        let mut pending = BTreeMap::new();
        let mut now = None;
        for (name, db) in &mut connections {
            service = *name;
            now = Some(read::now(db).await?);
            pending.insert(*name, read::pending(db).await?);
            report.violations.extend(
                read::without_inbox(db).await?.into_iter().map(|row| format!("{name}: {row}")),
            );
            let part = system.parts.iter().find(|part| part.service == *name);
            deadlines::judge(db, part, quiescent_after, &mut report).await?;
        }
        let Some(now) = now else { return Ok(()) };
        let judge = Judge::new(system, broker, &pending, now, quiescent_after);
        judge.system(&mut report);
        loop {
            let mut upper = None;
            for (name, db) in &mut connections {
                service = *name;
                let end = read::window(db, after).await?;
                upper = match (upper, end) {
                    (Some(one), Some(other)) => Some(std::cmp::min::<Uuid>(one, other)),
                    (one, other) => one.or(other),
                };
            }
            let mut sagas: BTreeMap<Uuid, Rows<'_>> = BTreeMap::new();
            for (name, db) in &mut connections {
                service = *name;
                for (saga, row) in read::ledger(db, after, upper).await? {
                    report.rows += 1;
                    sagas.entry(saga).or_default().entry(*name).or_default().push(row);
                }
            }
            for (saga, rows) in &sagas {
                judge.saga(*saga, rows, &mut report);
            }
            if upper.is_none() {
                return Ok(());
            }
            after = upper;
        }
    };
    let read = read.await;
    read.map_err(|error| Unreadable { service: service.to_owned(), error })?;
    let compared = copies::judge(system, &mut connections, broker, &mut report).await;
    compared.map_err(|(service, error)| Unreadable { service, error })?;
    Ok(report)
}

/// The messages that a service has not handled, according to its inbox. An inbox remembers seven
/// days by default.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn not_handled(database_url: &str, messages: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut db = PgConnection::connect(database_url).await?;
    read::not_in_inbox(&mut db, messages).await
}
