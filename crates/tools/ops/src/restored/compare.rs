//! Compares the events that a service published, according to the journal, with its database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::stream::{JournalItem, JournalReader, Notice, Start};
use ballet_amqp::Broker;
use ballet_core::topology::EVENTS;
use ballet_core::{Part, StepPart};
use ballet_store::calls::open;
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::{RecordedRow, SagaSelection, of_sagas};
use ballet_store::ledger::standing::StepDeclaration;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::redrive::error::RedriveError;
use crate::redrive::options::Progress;

/// An event is in the ledger of a service that keeps up within this time.
pub const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(10);

const LOOK_UP: usize = 1_000;

/// The events of one saga that other services received and the restored database lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaDifference {
    /// The saga.
    pub saga: Uuid,
    /// The events that were published before.
    pub before: Vec<&'static str>,
    /// The events that the database has instead. Empty for an unknown saga.
    pub now: Vec<String>,
    /// Whether the saga waits for an outside system, so that the events may still come.
    pub is_open: bool,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreComparison {
    /// The differences, in the order of their sagas.
    pub differences: Vec<SagaDifference>,
    /// The number of sagas in which the service published something.
    pub sagas: u64,
    /// The number of events that it published outside of sagas, by type. These are not compared.
    pub others: BTreeMap<&'static str, u64>,
    /// The time of the oldest event in the journal, if that is too late.
    pub journal_begins: Option<Timestamp>,
    /// The offsets of messages that the broker can deliver to no reader.
    pub unreadable: Vec<u64>,
}

/// Reads the events of the service that declares `part`, in the journal from a point in time up to an offset, and looks
/// them up in the service's database.
///
/// # Errors
///
/// If the broker or the database does not answer, or denies access.
pub async fn compare(
    broker: Arc<dyn Broker>,
    part: &Part,
    since: Timestamp,
    until: u64,
    db: &mut PgConnection,
    progress: Progress<'_>,
) -> Result<RestoreComparison, RedriveError> {
    let mut compared = RestoreComparison::default();
    let read = read(broker, part, since, until, &mut compared, progress).await?;
    let PublishedEvents { events: published, aborted } = read;
    compared.sagas = published.len() as u64;
    let open = open::sagas(db).await?;
    let sagas: Vec<Uuid> = published.keys().copied().collect();
    for sagas in sagas.chunks(LOOK_UP) {
        let mut rows: HashMap<Uuid, Vec<RecordedRow>> = HashMap::new();
        for (saga, row) in of_sagas(db, SagaSelection::These(sagas)).await? {
            rows.entry(saga).or_default().push(row);
        }
        for saga in sagas {
            let (before, now) = (&published[saga], rows.remove(saga).unwrap_or_default());
            let of_backup = |row: &RecordedRow| row.recorded_at < since;
            let was_aborted =
                aborted.contains(saga) || now.iter().any(|row| is_abort(row) && of_backup(row));
            let held = held_outside(part, before, &now);
            let difference = difference(*saga, before, was_aborted, &held, &now);
            compared.differences.extend(
                difference.map(|difference| SagaDifference {
                    is_open: open.contains(saga),
                    ..difference
                }),
            );
        }
    }
    Ok(compared)
}

#[derive(Default)]
struct PublishedEvents {
    /// The types of the events that the service published for each saga, of those that leave rows in its ledger.
    events: BTreeMap<Uuid, BTreeSet<&'static str>>,
    aborted: BTreeSet<Uuid>,
}

async fn read(
    broker: Arc<dyn Broker>,
    part: &Part,
    since: Timestamp,
    until: u64,
    compared: &mut RestoreComparison,
    progress: Progress<'_>,
) -> Result<PublishedEvents, RedriveError> {
    let (in_ledger, aborts) = (in_ledger(part), aborts(part));
    let emitted: BTreeSet<&'static str> = part.emits().iter().map(|event| event.name()).collect();
    let mut published = PublishedEvents::default();
    let mut reader = JournalReader::open(broker, Start::Time(since - ON_ITS_WAY)).await?;
    let mut number = 0;
    while let Some(item) = reader.next_until(Some(until)).await? {
        let record = match item {
            JournalItem::Record(record) => record,
            JournalItem::Notice(notice) => {
                match notice {
                    Notice::Cut { time, .. } => {
                        compared.journal_begins = time.filter(|time| *time > since);
                    }
                    Notice::Unreadable(offset) => compared.unreadable.push(offset),
                    Notice::NothingSince | Notice::Lost(_) | Notice::Back => {}
                }
                continue;
            }
        };
        number += 1;
        progress(number);
        if record.exchange == EVENTS {
            let name = record.event_type();
            let saga = record.saga_id();
            if aborts.contains(name) {
                published.aborted.extend(saga);
            }
            let is_new = record.time.is_none_or(|time| time >= since);
            if is_new && record.service() == Some(part.service) {
                if let (Some(name), Some(saga)) = (in_ledger.get(name), saga) {
                    published.events.entry(saga).or_default().insert(name);
                } else if let Some(name) = emitted.get(name) {
                    *compared.others.entry(name).or_default() += 1;
                }
            }
        }
    }
    reader.close().await;
    Ok(published)
}

fn aborts(part: &Part) -> BTreeSet<&'static str> {
    part.sagas.iter().filter_map(|saga| saga.abort).map(|event| event.name()).collect()
}

pub(crate) fn in_ledger(part: &Part) -> BTreeSet<&'static str> {
    let mut types = BTreeSet::new();
    for saga in &part.sagas {
        for step in &saga.steps {
            types.insert(step.done.name());
            types.extend(step.refused.map(|event| event.name()));
            types.extend(step.compensated.map(|event| event.name()));
        }
        if saga.owner == part.service {
            types.extend(saga.abort.map(|event| event.name()));
        }
    }
    types
}

fn is_abort(row: &RecordedRow) -> bool {
    row.step.is_empty() && row.entry == Entry::Aborted
}

/// Returns the outcomes at another company that neither the journal nor the database shows as compensated.
fn held_outside(
    part: &Part,
    before: &BTreeSet<&'static str>,
    now: &[RecordedRow],
) -> Vec<&'static str> {
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let can_be_compensated =
        |step: &&StepPart| StepDeclaration::Step(step.kind).can_be_compensated();
    let calling = steps.filter(|step| step.runs.is_answered_later()).filter(can_be_compensated);
    let ended = |step: &StepPart| {
        let is_it = |row: &RecordedRow| {
            row.step == step.name && matches!(row.entry, Entry::Compensated | Entry::Refused)
        };
        now.iter().any(is_it) || step.compensated.is_some_and(|event| before.contains(event.name()))
    };
    let held = calling.filter(|step| before.contains(step.done.name()) && !ended(step));
    held.map(|step| step.done.name()).collect()
}

/// Compares one saga. An aborted saga whose abort is in the database has nothing left to do, whichever steps came
/// before, except for effects still held outside.
fn difference(
    saga: Uuid,
    before: &BTreeSet<&'static str>,
    was_aborted: bool,
    held: &[&'static str],
    now: &[RecordedRow],
) -> Option<SagaDifference> {
    let known: BTreeSet<&str> = now.iter().filter_map(|row| row.event_type.as_deref()).collect();
    let missing: Vec<&'static str> =
        before.iter().copied().filter(|name| !known.contains(name)).collect();
    let is_aborted = now.iter().any(is_abort);
    let is_equal = missing.is_empty() && !is_aborted;
    if is_aborted && was_aborted {
        let now = now.iter().filter(|row| is_abort(row));
        let now = now.filter_map(|row| row.event_type.clone()).collect();
        let before = held.to_vec();
        return (!held.is_empty()).then_some(SagaDifference { saga, before, now, is_open: false });
    }
    if is_equal {
        return None;
    }
    let added = known.iter().filter(|name| !before.contains(*name));
    let now = added.map(|name| (*name).to_owned()).collect();
    Some(SagaDifference { saga, before: missing, now, is_open: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str = "shipping.shipment_scheduled.v1";
    const REFUSED: &str = "shipping.shipment_rejected.v1";
    const ABORT: &str = "orders.order_cancelled.v1";

    fn row(step: &str, entry: Entry, event: &str) -> RecordedRow {
        RecordedRow {
            step: step.to_owned(),
            key: String::new(),
            entry,
            arrived: String::new(),
            ordinal: 1,
            event_type: Some(event.to_owned()),
            recorded_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn of(was_aborted: bool, now: &[RecordedRow]) -> Option<(Vec<&'static str>, Vec<String>)> {
        let difference = difference(Uuid::nil(), &[DONE].into(), was_aborted, &[], now);
        difference.map(|difference| (difference.before, difference.now))
    }

    #[test]
    fn what_is_not_known_or_was_decided_otherwise_differs() {
        let (done, refused) =
            (row("ship", Entry::Done, DONE), row("ship", Entry::Refused, REFUSED));
        let abort = row("", Entry::Aborted, ABORT);
        assert_eq!(of(false, std::slice::from_ref(&done)), None);
        assert_eq!(of(false, &[]), Some((vec![DONE], vec![])));
        assert_eq!(of(false, &[refused]), Some((vec![DONE], vec![REFUSED.to_owned()])));
        // This time the abort came before the step.
        assert_eq!(of(true, std::slice::from_ref(&abort)), None);
        assert_eq!(of(true, &[done.clone(), abort.clone()]), None);
        // Nobody had aborted it.
        assert_eq!(of(false, &[done, abort]), Some((vec![], vec![ABORT.to_owned()])));
    }
}
