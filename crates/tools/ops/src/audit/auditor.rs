//! Reads the databases of all services, and has the sagas judged.

use std::collections::BTreeMap;

use ballet_amqp::TlsFiles;
use ballet_core::{MessageId, Part, System};
use ballet_store::database::clock::now;
use ballet_store::database::connection::connect_options;
use ballet_store::inbox::messages::handled;
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::audit::deadlines;
use crate::audit::judge::SagaJudge;
use crate::audit::read::{self, PendingWork};
use crate::audit::report::Report;
use crate::audit::snapshot::BrokerSnapshot;
use crate::audit::window::next_window;
use crate::databases::{ServiceDatabase, ServiceDatabases};

/// Audits the framework's tables of all services. A saga is quiescent when no service has recorded anything of it for
/// `quiescent_after`, which must exceed the age of the broker's figures: up to five seconds by default.
///
/// `databases` has each service's database URL. A database that cannot be read is [unavailable](Report::away): its
/// service is not judged.
pub async fn audit(
    system: &System,
    databases: &[(String, String)],
    broker: &BrokerSnapshot,
    quiescent_after: SignedDuration,
) -> Report {
    let mut known = Vec::with_capacity(databases.len());
    let mut misnamed = Vec::new();
    for (service, url) in databases {
        match connect_options(url, &TlsFiles::default()) {
            Ok(options) => known.push((service.clone(), options)),
            Err(error) => misnamed.push(format!("the database of {service}: {error}")),
        }
    }
    let mut report = audit_with(system, &known, broker, quiescent_after).await;
    report.away.extend(misnamed);
    report
}

/// Like [`audit`], but with connection options, which may have certificates.
pub async fn audit_with(
    system: &System,
    databases: &[(String, PgConnectOptions)],
    broker: &BrokerSnapshot,
    quiescent_after: SignedDuration,
) -> Report {
    let mut report = Report::default();
    let mut sources = ServiceDatabases::open(databases).await;
    judge_all(system, &mut sources, broker, quiescent_after, &mut report).await;
    report.away.extend(sources.why_away());
    if let Some(why) = &broker.away {
        report.away.push(format!("the broker: {why}"));
    }
    sources.close().await;
    report
}

async fn judge_all(
    system: &System,
    sources: &mut ServiceDatabases<'_>,
    broker: &BrokerSnapshot,
    quiescent_after: SignedDuration,
    report: &mut Report,
) {
    // Calls and outboxes first: a saga whose call is closed or event published later is not quiescent yet.
    let (mut pending, mut now) = (BTreeMap::new(), None);
    for ServiceDatabase { service, server, db } in sources.each() {
        let part = system.parts.iter().find(|part| part.service == *service);
        let found = server.read(own_findings(db, service, part, quiescent_after)).await;
        if let Some(ServiceFindings { at, pending: of_service, report: found }) = found {
            now = Some(at);
            pending.insert(*service, of_service);
            report.add(found);
        }
    }
    let Some(now) = now else { return };
    SagaJudge::new(system, broker, &pending, now, quiescent_after).system(report);
    let mut after = None;
    loop {
        let (sagas, upper) = next_window(sources, after).await;
        let judge = SagaJudge::new(system, broker, &pending, now, quiescent_after);
        let judge = judge.without(sources.away());
        for (saga, rows) in &sagas {
            report.rows += rows.values().map(Vec::len).sum::<usize>();
            judge.saga(*saga, rows, report);
        }
        if upper.is_none() {
            return;
        }
        after = upper;
    }
}

struct ServiceFindings {
    at: Timestamp,
    pending: PendingWork,
    report: Report,
}

async fn own_findings(
    db: &mut PgConnection,
    service: &str,
    part: Option<&Part>,
    quiescent_after: SignedDuration,
) -> Result<ServiceFindings, sqlx::Error> {
    let mut report = Report::default();
    let at = now(db).await?;
    let pending = read::pending(db).await?;
    let without = read::without_inbox(db).await?;
    report.violations.extend(without.into_iter().map(|row| format!("{service}: {row}")));
    deadlines::judge(db, part, quiescent_after, &mut report).await?;
    let by_hand = read::by_hand(db).await?.into_iter();
    report.by_hand.extend(by_hand.map(|(saga, words)| ((saga, service.to_owned()), words)));
    Ok(ServiceFindings { at, pending, report })
}

/// Returns the messages that a service has not handled, according to its inbox, which remembers seven days by default.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn not_handled(database_url: &str, messages: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut db = PgConnection::connect(database_url).await?;
    let handled = handled(&mut db, messages).await?;
    Ok(messages.iter().copied().filter(|id| !handled.contains(&MessageId(*id))).collect())
}
