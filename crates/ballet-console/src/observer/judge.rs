//! Judges the sagas that have changed, by the rule that the command has for what a saga waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet::Clock;
use ballet_core::id;
use ballet_ops::redrive::cause_of;
use ballet_ops::sagas::journal::{JournalEntry, JournalSaga, MessageFate};
use ballet_ops::sagas::{PressingWait, SagaState};
use ballet_ops::words::grouped;
use ballet_store::database::connection::{begin, in_time};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Executor, PgPool};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::known::Known;
use crate::store::judged::{self, Changed, Judged, Waits};
use crate::store::row::Row;

/// The changes that are judged together.
const PAGE: i64 = 2_000;
/// How long it waits for more changes: of a saga that moves on, several are judged as one.
const ROUND: Duration = Duration::from_millis(500);
/// It waits for so many of these while the observer has to catch up: most of what would be judged changes again.
const ROUNDS_BEHIND: u32 = 4;
/// How long to wait for something new, and after a failure.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The most characters of an error that the index has.
const DETAIL: usize = 2_000;
/// The most characters of what sagas are grouped by.
const CAUSE: usize = 300;

/// That sagas are not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unjudged {
    pub(crate) since: Timestamp,
    pub(crate) why: String,
}

/// Judges for ever.
pub(crate) async fn judge(
    pool: PgPool,
    known: Arc<Known>,
    patience: SignedDuration,
    added: Arc<Notify>,
    is_behind: Arc<AtomicBool>,
    unjudged: watch::Sender<Option<Unjudged>>,
    clock: Clock,
) {
    loop {
        let judged = page(&pool, &known, patience).await;
        let error = judged.as_ref().err().map(ToString::to_string);
        unjudged.send_if_modified(|unjudged| {
            let since = unjudged.as_ref().map_or_else(|| clock.now(), |before| before.since);
            let now = error.map(|why| Unjudged { since, why });
            let is_new = *unjudged != now;
            *unjudged = now;
            is_new
        });
        match judged {
            // Either something is new, or it is time to look.
            Ok(0) => {
                timeout(LOOK_EVERY, added.notified()).await.ok();
            }
            // There is more.
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

/// Judges the sagas of some changes. Returns how many changes there were.
async fn page(pool: &PgPool, known: &Known, patience: SignedDuration) -> Result<i64, sqlx::Error> {
    let mut db = begin(pool).await?;
    // What a crash of the server loses is judged again: the changes are there again.
    in_time(db.execute("set local synchronous_commit = off")).await?;
    let taken = in_time(judged::take_changed(&mut db, PAGE)).await?;
    let Changed { taken, sagas, too_long } = taken;
    if taken == 0 {
        return Ok(0);
    }
    let of_rows = sagas.iter().filter_map(|(saga, rows)| judged_by(known, *saga, rows, patience));
    let too_long = too_long.iter().map(|(saga, last)| too_long_to_judge(*saga, last));
    let judged: Vec<Judged<'_>> = of_rows.chain(too_long).collect();
    in_time(judged::write(&mut db, &judged)).await?;
    in_time(db.commit()).await?;
    Ok(taken)
}

fn judged_by<'a>(
    known: &Known,
    saga: Uuid,
    rows: &'a [Row],
    patience: SignedDuration,
) -> Option<Judged<'a>> {
    let mut of_saga = rows.iter().filter(|row| known.is_of_saga(row));
    let began = of_saga.clone().map(|row| row.at).min()?;
    let last = of_saga.next_back()?;
    let entries: Vec<JournalEntry> = rows.iter().filter_map(Row::entry).collect();
    let seen = JournalSaga::judge(&known.graph, saga, &entries);
    let waits = PressingWait::of(&seen.waits, seen.deadline, patience);
    Some(Judged {
        saga,
        names: seen.names,
        began,
        last,
        ended: seen.ended.map(SagaState::as_str),
        is_too_long: false,
        waits: waits.map(|pressing| waits_for(&pressing, &entries)).unwrap_or_default(),
    })
}

/// It is stuck, if it had not ended: somebody has to look at what makes so many entries.
fn too_long_to_judge(saga: Uuid, last: &Row) -> Judged<'_> {
    let detail =
        format!("it has more than {} entries: too many to judge it", grouped(judged::MOST));
    Judged {
        saga,
        names: Vec::new(),
        began: id::time_of(saga).unwrap_or(last.at),
        last,
        ended: None,
        is_too_long: true,
        waits: Waits {
            since: Some(last.at),
            is_dead: true,
            detail: Some(detail),
            ..Waits::default()
        },
    }
}

fn waits_for(PressingWait { wait, due }: &PressingWait<'_>, entries: &[JournalEntry]) -> Waits {
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
    Waits {
        service: Some(wait.service.clone()),
        step: wait.step.map(str::to_owned).or(handler),
        what: Some(wait.what.clone()),
        since: Some(wait.since),
        due: *due,
        is_dead: wait.is_dead,
        reason,
        cause: died_of.map(|detail| cause_of(&detail).chars().take(CAUSE).collect()),
        detail: wait.why.as_ref().map(|why| why.chars().take(DETAIL).collect()),
    }
}
