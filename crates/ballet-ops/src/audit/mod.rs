//! The auditor of the framework's own tables: what must hold in the ledgers, outboxes and calls of
//! all services of a system, whatever they do. A system's own auditor adds what its business rows
//! have to say.
//!
//! What holds at any moment (a step is done or refused, not both) is checked as it is. What holds
//! for a saga at rest (each event was taken by everybody who has to act on it) is a violation only
//! if nothing is on its way any more; otherwise the saga is open, and the report says what it
//! waits for. Nothing is written and no lock is taken.

mod deadlines;
mod judge;
mod ledger;
mod read;
mod report;

use std::collections::BTreeMap;

use ballet_core::System;
use jiff::SignedDuration;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

pub use report::Report;

/// What the broker holds, as whoever may ask its management API has seen it, not later than the
/// databases are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broker {
    /// How many messages lie in each queue, those in a consumer's hands included; without the
    /// journal.
    pub queues: BTreeMap<String, u64>,
    /// Messages in dead-letter queues; a part of them is enough.
    pub letters: Vec<Letter>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The service that could not handle it.
    pub service: String,
    /// Its saga, if it names one.
    pub saga: Option<Uuid>,
    /// Its type.
    pub event_type: String,
    /// Why, for a machine and for people.
    pub reason: String,
}

/// A database that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the database of {service}: {error}")]
pub struct Unreadable {
    service: String,
    #[source]
    error: sqlx::Error,
}

/// Reads the framework's tables of all services and judges them. A saga is at rest when no service
/// has recorded anything of it for `rest`; that should be longer than the broker's numbers are old
/// (five seconds, where nobody has set it otherwise).
///
/// `databases` has each service with the URL of its database.
///
/// # Errors
///
/// If a database cannot be read.
pub async fn audit(
    system: &System,
    databases: &[(String, String)],
    broker: &Broker,
    rest: SignedDuration,
) -> Result<Report, Unreadable> {
    let mut books = Vec::with_capacity(databases.len());
    for (service, url) in databases {
        let db = PgConnection::connect(url).await;
        let db = db.map_err(|error| Unreadable { service: service.clone(), error })?;
        books.push((service.as_str(), db));
    }
    let mut report = Report::default();
    let mut after = None;
    let mut service = "";
    // Calls and outbox first: what is closed or published after this look is younger than rest.
    let read = async {
        let mut pending = BTreeMap::new();
        let mut now = None;
        for (name, db) in &mut books {
            service = *name;
            now = Some(read::now(db).await?);
            pending.insert(*name, read::pending(db).await?);
            report.violations.extend(
                read::without_inbox(db).await?.into_iter().map(|row| format!("{name}: {row}")),
            );
            let part = system.parts.iter().find(|part| part.service == *name);
            deadlines::judge(db, part, rest, &mut report).await?;
        }
        let Some(now) = now else { return Ok(()) };
        let judge = judge::Judge::new(system, broker, &pending, now - rest);
        judge.whole(&mut report);
        loop {
            let mut upper = None;
            for (name, db) in &mut books {
                service = *name;
                let end = read::window(db, after).await?;
                upper = match (upper, end) {
                    (Some(one), Some(other)) => Some(std::cmp::min::<Uuid>(one, other)),
                    (one, other) => one.or(other),
                };
            }
            let mut sagas: BTreeMap<Uuid, ledger::Rows<'_>> = BTreeMap::new();
            for (name, db) in &mut books {
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
    Ok(report)
}

/// Those of the messages that a service has not handled, as its inbox has it. It remembers seven
/// days.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn not_handled(database_url: &str, messages: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut db = PgConnection::connect(database_url).await?;
    read::not_in_inbox(&mut db, messages).await
}
