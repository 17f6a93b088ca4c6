//! Reads the tables of one service for an audit.

use ballet_store::calls::open::{self, OpenCall};
use ballet_store::database::clock::now;
use ballet_store::ledger::recorded_rows::without_message;
use ballet_store::operators::compensations_by_hand::{self, WaitingSaga};
use ballet_store::operators::interventions::{self, Intervention};
use ballet_store::outbox::left_behind::{self, UnpublishedEvent};
use ballet_store::outbox::{batches, tables};
use ballet_store::partitions::bound;
use jiff::SignedDuration;
use sqlx::PgConnection;
use uuid::Uuid;

/// Nobody reads a longer report.
const MOST: i64 = 1_000;
/// Ids of this age are certainly still in the inbox, which remembers seven days.
const SURELY_IN_INBOX: SignedDuration = SignedDuration::from_hours(5 * 24);

#[derive(Debug, Clone, Default)]
pub(crate) struct PendingWork {
    pub(crate) calls: Vec<OpenCall>,
    /// The sagas with compensations left, after an answer or a person's intervention.
    pub(crate) compensations: Vec<WaitingSaga>,
    /// The oldest, up to a limit for each table.
    pub(crate) unpublished: Vec<UnpublishedEvent>,
    pub(crate) unpublished_count: i64,
    /// The saga, type and reason of each.
    pub(crate) unpublishable: Vec<(Option<Uuid>, String, String)>,
    pub(crate) discarded: Vec<Intervention>,
}

pub(crate) async fn pending(db: &mut PgConnection) -> Result<PendingWork, sqlx::Error> {
    let mut pending = PendingWork { calls: open::list(db).await?, ..PendingWork::default() };
    // After the calls, because the transaction that closes a call leaves the compensations.
    pending.compensations = compensations_by_hand::waiting(db).await?;
    for table in tables::present(db).await? {
        pending.unpublished.extend(left_behind::events(db, table, MOST).await?);
        pending.unpublished_count += left_behind::count(db, table).await?.0;
    }
    pending.unpublishable = batches::dead(db, MOST).await?;
    pending.discarded = interventions::discarded(db).await?;
    Ok(pending)
}

/// Describes recent ledger rows whose message is not in the inbox. Their effect did not commit with the inbox row, so
/// the message could be handled again.
pub(crate) async fn without_inbox(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let oldest = bound((now(db).await? - SURELY_IN_INBOX).as_second());
    let rows = without_message(db, oldest, MOST).await?;
    let describe = |(saga, step, entry, message): (Uuid, String, String, Uuid)| {
        format!(
            "saga {saga}: {entry} {step} was caused by message {message}, which is not in the inbox"
        )
    };
    Ok(rows.into_iter().map(describe).collect())
}

/// Reads the compensations done and the call outcomes reported by people, as the saga and a sentence with the person.
pub(crate) async fn by_hand(db: &mut PgConnection) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let said = |(saga, step, by, why): (Uuid, String, String, Option<String>)| {
        let why = why.unwrap_or_default();
        (saga, format!("{by} said what became of the call of {step}: {why}"))
    };
    let compensated = |(saga, step, by, why): (Uuid, String, String, String)| {
        (saga, format!("{by} compensated {step} by hand: {why}"))
    };
    let calls = interventions::answered(db).await?;
    let solved = compensations_by_hand::all(db).await?;
    // The latest entry explains a saga's rows, so it comes last.
    Ok(calls.into_iter().map(said).chain(solved.into_iter().map(compensated)).collect())
}

/// Returns who discarded this event and why: as the service's dead letter, or as unpublishable at its publisher.
pub(crate) fn discarded<'a>(
    mut all: impl Iterator<Item = (&'a str, &'a Intervention)>,
    service: &str,
    event_type: Option<&str>,
) -> Option<String> {
    let event_type = event_type?;
    let publisher = event_type.split('.').next();
    let (_, Intervention { at, by, why, .. }) = all.find(|(of, act)| {
        act.event_type.as_deref() == Some(event_type) && (*of == service || Some(*of) == publisher)
    })?;
    let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    Some(format!("discarded by {by} at {at:.0}{why}"))
}
