//! A lane: an ordered unit of concurrency. All messages of one saga go to one lane.
//!
//! A lane takes what is ready, so a single message does not wait and a backlog is worked off in
//! batches. When a handler fails, the batch is rolled back and run again in parts, the poison
//! alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::engine::Engine;
use crate::engine::rollback::{BatchFailure, NotCommitted};
use crate::engine::stopping::stopped;
use crate::lane::batch::batch;
use crate::lane::batch::works::Committed;
use crate::lane::fallback::leave;
use crate::lane::message::message::LaneWork;
use crate::lane::part::{BatchPart, pause, split};
use crate::lane::settle::settle;
use crate::lane::state::LaneState;

/// How often a batch in conflict is tried as a whole before it is split, and a single message
/// before it waits in a retry queue.
const CONFLICTS: u32 = 3;
/// A conflict after a longer wait, such as a deadlock, splits the batch at once.
const LONG_WAIT: Duration = Duration::from_secs(1);
/// The minimum wait for a lock that was not free within `lock_timeout`. A handler may wait less, or
/// not at all (`nowait`), which is a short conflict.
const LOCK_WAIT: Duration = Duration::from_millis(2900);
/// How often a batch may lose its connection, or fail as if it had, while the database works or
/// comes back in between. Then it is split, since one of its messages may be to blame. A single
/// message has failed like any other if the database works, and waits in a retry queue if the
/// server was lost with it.
const LOSSES: u32 = 3;
/// How long a lane keeps its connection. The pool tests one that was idle this long, and replaces
/// old ones.
const KEEP: Duration = Duration::from_secs(1);
/// The minimum size of the last batch of a busy lane. Such a lane gives the next batch time to
/// fill, since bigger batches cost less per message. An idle lane never waits.
const BUSY: usize = 8;
const LONGEST_FILL: Duration = Duration::from_millis(20);
/// How long a batch waits for the publisher to catch up, and so the pace of work if the broker
/// takes nothing.
const CATCH_UP: Duration = Duration::from_millis(100);

pub(crate) async fn run(
    engine: Arc<Engine>,
    mut works: mpsc::UnboundedReceiver<LaneWork>,
    cautious: watch::Receiver<bool>,
    most: usize,
) {
    let mut stopping = engine.stopping.clone();
    let mut kept = LaneState::new(most);
    let mut last = 0;
    let mut took = Duration::ZERO;
    let mut kept_since = Instant::now();
    loop {
        let most = if *cautious.borrow() { 1 } else { kept.limit() };
        if last >= BUSY && works.len() < most {
            fill(&engine, &kept, took).await;
        }
        let_catch_up(&engine).await;
        let first = tokio::select! {
            work = works.recv() => work,
            () = stopped(&mut stopping) => None,
            () = tokio::time::sleep(KEEP), if kept.connection.is_some() => {
                kept.connection = None;
                continue;
            }
        };
        let Some(first) = first else { return };
        let most = if *cautious.borrow() { 1 } else { kept.limit() };
        let mut batch = vec![first];
        while batch.len() < most {
            match works.try_recv() {
                Ok(work) => batch.push(work),
                Err(_) => break,
            }
        }
        last = batch.len();
        metrics::histogram!("ballet_batch_size").record(count(batch.len()));
        let begun = Instant::now();
        if kept.connection.is_none() {
            kept_since = begun;
        }
        process(&engine, batch, &mut kept).await;
        took = begun.elapsed();
        if kept_since.elapsed() > KEEP {
            kept.connection = None;
        }
    }
}

/// Lets messages gather until the broker has confirmed the events of the last batch, as Nagle's
/// algorithm (RFC 896) does with small packets. After a batch without events, waits as long as that
/// batch took.
async fn fill(engine: &Engine, kept: &LaneState, took: Duration) {
    let filled = async {
        match kept.emitted {
            Some(batch) => engine.relay.until_published(batch).await,
            None => tokio::time::sleep(took).await,
        }
    };
    let _filled_or_late = tokio::time::timeout(LONGEST_FILL, filled).await;
}

/// Events committed faster than the broker takes them would fill the memory, or have to be read
/// back.
async fn let_catch_up(engine: &Engine) {
    if let Some(publisher) = engine.relay.publisher()
        && !publisher.has_room()
    {
        let _room_or_late = tokio::time::timeout(CATCH_UP, publisher.room()).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "batches are small")]
fn count(items: usize) -> f64 {
    items as f64
}

async fn process(engine: &Arc<Engine>, batch: Vec<LaneWork>, kept: &mut LaneState) {
    let mut parts = VecDeque::from([BatchPart::new(batch)]);
    while let Some(mut part) = parts.pop_front() {
        if *engine.stopping.borrow() {
            // The broker delivers again, and open calls are found in their table.
            return;
        }
        if let Some(others) = part.split_off(kept.limit()) {
            parts.push_front(others);
        }
        let (begun, hurried) = (Instant::now(), kept.is_hurried());
        // Boxed, since it holds the transaction of a whole batch.
        let ran = Box::pin(batch::run(engine, std::mem::take(&mut part.works), kept)).await;
        let took = begun.elapsed();
        metrics::histogram!("ballet_transaction_seconds").record(took.as_secs_f64());
        let failed = match ran {
            Ok(Committed { settled, rest }) => {
                engine.database.answers();
                engine.handlers.last_work.note();
                settle(engine, settled);
                if !rest.is_empty() {
                    parts.push_front(BatchPart::new(rest));
                }
                continue;
            }
            Err((failed, works)) => {
                part.works = works;
                failed
            }
        };
        match failed {
            NotCommitted::NotBegun(failure) | NotCommitted::ServerReplaced(failure) => {
                until_it_works(engine, &mut part, &failure).await;
                parts.push_front(part);
            }
            NotCommitted::RolledBack(failed)
                if failed.failure.is_lock_timeout() && (hurried || took >= LOCK_WAIT) =>
            {
                kept.hurry();
                go_on_without(engine, part, failed, &mut parts).await;
            }
            NotCommitted::RolledBack(failed) => {
                let failed = part.blame(failed);
                go_on(engine, part, failed, took, &mut parts).await;
            }
        }
    }
}

/// Puts off the work that needs a lock that somebody holds for long, and goes on with the others,
/// since waiting in the lane holds up all that come later.
async fn go_on_without(
    engine: &Arc<Engine>,
    mut part: BatchPart,
    failed: BatchFailure,
    parts: &mut VecDeque<BatchPart>,
) {
    metrics::counter!("ballet_conflicts_total").increment(1);
    let attempts = part.conflicts + 1;
    if part.is_single() {
        return leave(engine, part.works, &failed, attempts, true).await;
    }
    let Some(at) = failed.poison.filter(|at| *at < part.works.len()) else {
        return split(part, None, parts);
    };
    metrics::counter!("ballet_splits_total").increment(1);
    let after = part.works.split_off(at + 1);
    let locked = part.works.split_off(at);
    let others = [after, part.works].into_iter().filter(|works| !works.is_empty());
    others.for_each(|works| parts.push_front(BatchPart::new(works)));
    leave(engine, locked, &failed, attempts, true).await;
}

async fn go_on(
    engine: &Arc<Engine>,
    mut part: BatchPart,
    failed: BatchFailure,
    took: Duration,
    parts: &mut VecDeque<BatchPart>,
) {
    if failed.failure.kind() == FailureKind::ConnectionLost {
        let is_stale = failed.failure.is_stale_statement();
        let is_down = !is_stale && !engine.database.probe.works().await;
        part.losses += 1;
        let losses = part.losses;
        if is_down {
            // If the batch was committed after all, the inbox drops the rerun.
            until_it_works(engine, &mut part, &failed.failure).await;
        }
        if part.is_single() && losses >= LOSSES && is_down {
            let attempts = part.attempts;
            return leave(engine, part.works, &failed, attempts, true).await;
        }
        if losses < LOSSES || !part.is_single() {
            if !is_down {
                let (size, failure) = (part.works.len(), &failed.failure);
                part.span().in_scope(|| {
                    tracing::warn!(
                        losses,
                        size,
                        "a batch failed, and the database works: {failure}"
                    );
                });
            }
            if !is_down && !is_stale {
                pause(losses.min(LOSSES)).await;
            }
            if losses + 1 >= LOSSES && !part.is_single() {
                split(part, failed.poison, parts);
            } else {
                parts.push_front(part);
            }
            return;
        }
    }
    match failed.failure.kind() {
        FailureKind::Conflict => {
            metrics::counter!("ballet_conflicts_total").increment(1);
            part.conflicts += 1;
            if part.is_single() && part.conflicts > CONFLICTS {
                leave(engine, part.works, &failed, part.conflicts, true).await;
            } else if part.is_single() {
                pause(part.conflicts).await;
                parts.push_back(part);
            } else if part.conflicts > CONFLICTS || took > LONG_WAIT {
                split(part, failed.poison, parts);
            } else {
                pause(part.conflicts).await;
                parts.push_front(part);
            }
        }
        _ if !part.is_single() => {
            let (size, failure) = (part.works.len(), &failed.failure);
            tracing::debug!("a batch of {size} runs again in parts: {failure}");
            split(part, failed.poison, parts);
        }
        FailureKind::Transient | FailureKind::ConnectionLost
            if part.retry(&failed).again_at_once(part.attempts + 1) =>
        {
            part.attempts += 1;
            metrics::counter!("ballet_failures_total", "then" => "again").increment(1);
            let (step, attempts) = (failed.handler, part.attempts_in_all());
            let failure = &failed.failure;
            part.span().in_scope(|| {
                tracing::warn!(step, attempts, "a handler failed; trying again: {failure}");
            });
            pause(part.attempts).await;
            parts.push_front(part);
        }
        FailureKind::Transient
        | FailureKind::ConnectionLost
        | FailureKind::Permanent
        | FailureKind::NotYet => {
            leave(engine, part.works, &failed, part.attempts + 1, false).await;
        }
    }
}

/// Waits for a database that is unavailable. No handler has failed.
async fn until_it_works(engine: &Engine, part: &mut BatchPart, failure: &Failure) {
    part.waits += 1;
    let waits = part.waits;
    tracing::debug!(waits, "a batch waits for the database: {failure}");
    engine.database.is_away(failure);
    pause(waits).await;
    engine.database.until_it_works().await;
}
