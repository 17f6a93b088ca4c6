//! Judges changed sagas, by the command's rule for what they wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet_ops::redrive::cause_of;
use ballet_ops::sagas::journal::{JournalEntry, JournalSaga, MessageFate};
use ballet_ops::sagas::{PressingWait, SagaState};
use ballet_store::database::connection::{begin, in_time};
use jiff::SignedDuration;
use sqlx::{Executor, PgPool};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::abort_reason::AbortReason;
use crate::contract_index::ContractIndex;
use crate::store::entry_row::EntryRow;
use crate::store::judgements::{self, ChangedSagas, Judgement, OpenWait};

const PAGE: i64 = 500;
/// Several changes of a moving saga are judged as one.
const ROUND: Duration = Duration::from_millis(500);
/// While the observer catches up, since most judgements would change again.
const ROUNDS_BEHIND: u32 = 4;
/// The wait for something new, and after a failure.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const DETAIL: usize = 2_000;

pub(crate) async fn judge(
    pool: PgPool,
    contract_index: Arc<ContractIndex>,
    patience: SignedDuration,
    added: Arc<Notify>,
    is_behind: Arc<AtomicBool>,
) {
    loop {
        match page(&pool, &contract_index, patience).await {
            // With something new, or after a while.
            Ok(0) => {
                timeout(LOOK_EVERY, added.notified()).await.ok();
            }
            Ok(PAGE..) if !is_behind.load(Ordering::Relaxed) => {}
            Ok(_) => {
                sleep(ROUND).await;
                for _ in 1..ROUNDS_BEHIND {
                    if is_behind.load(Ordering::Relaxed) {
                        sleep(ROUND).await;
                    }
                }
            }
            Err(error) => {
                tracing::warn!("sagas cannot be judged: {error}");
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Returns the number of changes.
async fn page(
    pool: &PgPool,
    contract_index: &ContractIndex,
    patience: SignedDuration,
) -> Result<i64, sqlx::Error> {
    let mut db = begin(pool).await?;
    // A crash of the server brings the changes back, to be judged again.
    in_time(db.execute("set local synchronous_commit = off")).await?;
    let taken = in_time(judgements::take_changed(&mut db, PAGE)).await?;
    let ChangedSagas { taken, sagas } = taken;
    if taken == 0 {
        return Ok(0);
    }
    let judged: Vec<Judgement<'_>> = sagas
        .iter()
        .filter_map(|(saga, rows)| judged_by(contract_index, *saga, rows, patience))
        .collect();
    in_time(judgements::write(&mut db, &judged)).await?;
    in_time(db.commit()).await?;
    Ok(taken)
}

fn judged_by<'a>(
    contract_index: &ContractIndex,
    saga: Uuid,
    rows: &'a [EntryRow],
    patience: SignedDuration,
) -> Option<Judgement<'a>> {
    let mut of_saga = rows.iter().filter(|row| contract_index.is_of_saga(row));
    let began = of_saga.clone().map(|row| row.at).min()?;
    let last = of_saga.next_back()?;
    let entries: Vec<JournalEntry> = rows.iter().filter_map(EntryRow::entry).collect();
    let seen = JournalSaga::judge(&contract_index.graph, saga, &entries);
    let waits = PressingWait::of(&seen.waits, seen.deadline, patience);
    let waits = waits.map(|pressing| waits_for(&pressing, &entries));
    let is_aborted = seen.ended == Some(SagaState::Aborted);
    let aborted = || AbortReason::of(contract_index.system(), rows).map(of_aborted);
    Some(Judgement {
        saga,
        names: seen.names,
        began,
        last,
        ended: seen.ended.map(SagaState::as_str),
        waits: waits.or_else(|| is_aborted.then(aborted).flatten()).unwrap_or_default(),
    })
}

fn of_aborted(reason: AbortReason<'_>) -> OpenWait {
    let AbortReason { row, step, what } = reason;
    let by = row.who.as_ref().zip(row.why.as_ref());
    OpenWait {
        service: Some(row.service.clone()),
        step: step.map(str::to_owned),
        what: Some(what),
        detail: by.map(|(who, why)| format!("{who}: {why}")),
        ..OpenWait::default()
    }
}

fn waits_for(PressingWait { wait, due }: &PressingWait<'_>, entries: &[JournalEntry]) -> OpenWait {
    let died = entries.iter().rev().find_map(|entry| match &entry.what {
        MessageFate::Died { handler, reason, detail, .. }
            if entry.service == wait.service
                && wait.event_type.as_ref() == Some(&entry.event_type) =>
        {
            Some((handler.clone(), reason.clone(), detail.clone()))
        }
        _ => None,
    });
    let died = died.filter(|_| wait.is_dead);
    let (handler, reason, died_of) = died
        .map_or((None, None, None), |(handler, reason, detail)| (handler, Some(reason), detail));
    OpenWait {
        service: Some(wait.service.clone()),
        step: wait.step.map(str::to_owned).or(handler),
        what: Some(wait.what.clone()),
        since: Some(wait.since),
        due: *due,
        is_dead: wait.is_dead,
        reason,
        cause: died_of.map(|detail| cause_of(&detail)),
        detail: wait.why.as_ref().map(|why| why.chars().take(DETAIL).collect()),
    }
}
