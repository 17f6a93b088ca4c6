//! Judges the sagas that have changed, by the rule that the command has for what a saga waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet_ops::redrive::cause_of;
use ballet_ops::sagas::journal::{Entry, SeenSaga, What};
use ballet_ops::sagas::{Pressing, SagaState};
use jiff::SignedDuration;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::known::Known;
use crate::store::judged::{self, Changed, Judged};

/// The sagas that are judged together.
const PAGE: i64 = 2_000;
/// How long it leaves the database to the observer that has to catch up.
const WHILE_BEHIND: Duration = Duration::from_secs(1);
/// How long to wait for something new, and after a failure.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The most characters of an error that the index has.
const DETAIL: usize = 2_000;
/// The most characters of what sagas are grouped by.
const CAUSE: usize = 300;

/// Judges for ever.
pub(crate) async fn judge(
    pool: PgPool,
    known: Arc<Known>,
    patience: SignedDuration,
    added: Arc<Notify>,
    is_behind: Arc<AtomicBool>,
) {
    loop {
        match page(&pool, &known, patience).await {
            Ok(0) => {
                // Either something is new, or it is time to look.
                timeout(LOOK_EVERY, added.notified()).await.ok();
            }
            // Until then most of what it would judge changes again.
            Ok(_) if is_behind.load(Ordering::Relaxed) => sleep(WHILE_BEHIND).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("sagas cannot be judged: {error}");
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

async fn page(
    pool: &PgPool,
    known: &Known,
    patience: SignedDuration,
) -> Result<usize, sqlx::Error> {
    let changed = judged::changed(pool, PAGE).await?;
    if changed.is_empty() {
        return Ok(0);
    }
    let judge = |(saga, changed): (&Uuid, &Changed)| judged_by(known, *saga, changed, patience);
    let judged: Vec<Judged> = changed.iter().map(judge).collect();
    judged::write(pool, &judged).await?;
    Ok(judged.len())
}

fn judged_by(known: &Known, saga: Uuid, changed: &Changed, patience: SignedDuration) -> Judged {
    let entries: Vec<Entry> =
        changed.rows.iter().filter_map(crate::store::row::Row::entry).collect();
    let seen = SeenSaga::judge(known.system(), saga, &entries);
    let names = seen.names.clone();
    let judged = Judged { saga, place: changed.place, names, ..Judged::default() };
    let ended = seen.ended.map(SagaState::as_str);
    let Some(Pressing { wait, due }) = Pressing::of(&seen.waits, seen.deadline, patience) else {
        return Judged { ended, ..judged };
    };
    let died = entries.iter().rev().find_map(|entry| match &entry.what {
        What::Died { handler, reason, detail, .. }
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
    Judged {
        ended,
        service: Some(wait.service.clone()),
        step: wait.step.map(str::to_owned).or(handler),
        what: Some(wait.what.clone()),
        since: Some(wait.since),
        due,
        is_dead: wait.is_dead,
        reason,
        cause: died_of.map(|detail| cause_of(&detail).chars().take(CAUSE).collect()),
        detail: wait.why.as_ref().map(|why| why.chars().take(DETAIL).collect()),
        ..judged
    }
}
