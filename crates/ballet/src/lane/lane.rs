//! A lane: an ordered unit of concurrency. All messages of one saga go to one lane.
//!
//! A lane takes what is ready, so a single message does not wait and a backlog is worked off in
//! batches. When a handler fails, the batch is rolled back and run again in parts, the poison
//! alone, so one bad message costs its neighbours only a little time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet_amqp::Backoff;
use ballet_core::{Reason, Unacceptable};
use tokio::sync::{mpsc, watch};

use crate::declare::failure::FailureKind;
use crate::declare::retry::Delay;
use crate::engine::caller::ask_again;
use crate::engine::engine::Engine;
use crate::engine::failed::BatchFailure;
use crate::engine::stopping::stopped;
use crate::lane::batch::Kept;
use crate::lane::dispatch::entomb;
use crate::lane::message::{Message, Work};
use crate::lane::part::{Part, split};
use crate::lane::{batch, dead_letter};

/// How often a batch in conflict with another transaction is tried as a whole before it is split,
/// and a single message before it waits in a retry queue.
const CONFLICTS: u32 = 3;
/// A conflict after a longer wait, such as a deadlock, splits the batch at once: the others need not
/// wait too.
const LONG_WAIT: Duration = Duration::from_secs(1);
/// A lock that was not free in the time that a connection allows (`lock_timeout`) was waited for at
/// least this long. A handler may wait less, or not at all (`nowait`), which is a short conflict.
const LOCK_WAIT: Duration = Duration::from_millis(2900);
/// How often a batch may lose its connection, while the database answers, before it is split.
const LOSSES: u32 = 5;
/// How long a lane keeps its connection. The pool tests connections that were idle this long, and
/// replaces old ones.
const KEEP: Duration = Duration::from_secs(1);
/// How long a lane pauses before it tries again.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
/// A lane is busy if its last batch was at least this big. It then leaves the next one time to
/// fill: bigger batches cost less per message. An idle lane never waits.
const BUSY: usize = 8;
const LONGEST_FILL: Duration = Duration::from_millis(20);
/// How long a batch waits for the publisher to catch up. If the broker takes nothing, work goes on
/// at one batch in this time.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Works until the channel closes.
pub(crate) async fn run(
    engine: Arc<Engine>,
    mut works: mpsc::UnboundedReceiver<Work>,
    cautious: watch::Receiver<bool>,
) {
    let mut stopping = engine.stopping.clone();
    let mut kept = Kept::default();
    let mut last = 0;
    let mut took = Duration::ZERO;
    let mut kept_since = Instant::now();
    loop {
        if last >= BUSY && works.len() < engine.batch {
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
        let limit = if *cautious.borrow() { 1 } else { engine.batch };
        let mut batch = vec![first];
        while batch.len() < limit {
            match works.try_recv() {
                Ok(work) => batch.push(work),
                Err(_) => break,
            }
        }
        last = batch.len();
        ballet_amqp::histogram!("ballet_batch_size").record(count(batch.len()));
        let begun = Instant::now();
        if kept.connection.is_none() {
            kept_since = begun;
        }
        process(&engine, batch, &mut kept).await;
        took = begun.elapsed();
        if kept_since.elapsed() > KEEP || !engine.has_connections_to_keep() {
            kept.connection = None;
        }
    }
}

/// Lets messages gather until the broker has confirmed the events of the last batch, as Nagle's
/// algorithm (RFC 896) does with small packets: the busier the broker, the bigger the batches.
/// After a batch without events, waits as long as that batch took.
async fn fill(engine: &Engine, kept: &Kept, took: Duration) {
    let filled = async {
        match kept.emitted {
            Some(batch) => engine.relay.until_published(batch).await,
            None => tokio::time::sleep(took).await,
        }
    };
    let _filled_or_late = tokio::time::timeout(LONGEST_FILL, filled).await;
}

/// Waits for the publisher, for a while. Events committed faster than the broker takes them would
/// fill the memory, and those that do not fit have to be read back from the outbox.
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

async fn process(engine: &Arc<Engine>, batch: Vec<Work>, kept: &mut Kept) {
    let mut parts = VecDeque::from([Part::new(batch)]);
    while let Some(mut part) = parts.pop_front() {
        if *engine.stopping.borrow() {
            // The broker delivers again, and open calls are found in their table.
            return;
        }
        let (begun, hurried) = (Instant::now(), kept.is_hurried());
        let ran = batch::run(engine, &mut part.works, kept).await;
        let took = begun.elapsed();
        ballet_amqp::histogram!("ballet_transaction_seconds").record(took.as_secs_f64());
        match ran {
            Ok(()) => {
                engine.database_answers(true);
                engine.last_work.note();
                settle(engine, part.works);
            }
            Err(failed) if failed.failure.is_lock_timeout() && (hurried || took >= LOCK_WAIT) => {
                kept.hurry();
                go_on_without(engine, part, failed, &mut parts).await;
            }
            Err(failed) => go_on(engine, part, failed, took, &mut parts).await,
        }
    }
}

/// Puts off the work that needs a lock that somebody holds for long, and goes on with the others.
/// Nobody knows when the lock will be free, and waiting in the lane holds up all that come later.
async fn go_on_without(
    engine: &Arc<Engine>,
    part: Part,
    failed: BatchFailure,
    parts: &mut VecDeque<Part>,
) {
    ballet_amqp::counter!("ballet_conflicts_total").increment(1);
    let attempts = part.conflicts + 1;
    if part.is_single() {
        return later(engine, part.works, &failed, attempts).await;
    }
    ballet_amqp::counter!("ballet_splits_total").increment(1);
    let mut works = part.works;
    let rest: Vec<Part> = match failed.poison.filter(|at| *at < works.len()) {
        Some(at) => {
            let after = works.split_off(at + 1);
            later(engine, works.split_off(at), &failed, attempts).await;
            [works, after].into_iter().filter(|works| !works.is_empty()).map(Part::new).collect()
        }
        None => split(works, None),
    };
    for part in rest.into_iter().rev() {
        parts.push_front(part);
    }
}

/// Decides what becomes of a part that rolled back.
async fn go_on(
    engine: &Arc<Engine>,
    mut part: Part,
    failed: BatchFailure,
    took: Duration,
    parts: &mut VecDeque<Part>,
) {
    let split_up = |part: Part, parts: &mut VecDeque<Part>| {
        ballet_amqp::counter!("ballet_splits_total").increment(1);
        for part in split(part.works, failed.poison).into_iter().rev() {
            parts.push_front(part);
        }
    };
    match failed.failure.kind() {
        FailureKind::ConnectionLost => {
            // No handler failed. If the batch was committed after all, the inbox drops the rerun.
            part.losses += 1;
            tracing::warn!(
                losses = part.losses,
                "the database is away, the batch waits: {}",
                failed.failure
            );
            engine.database_answers(false);
            pause(part.losses).await;
            engine.wait_for_database().await;
            if part.losses >= LOSSES && !part.is_single() {
                split_up(part, parts);
            } else {
                parts.push_front(part);
            }
        }
        FailureKind::Conflict => {
            ballet_amqp::counter!("ballet_conflicts_total").increment(1);
            part.conflicts += 1;
            if part.is_single() && part.conflicts > CONFLICTS {
                later(engine, part.works, &failed, part.conflicts).await;
            } else if part.is_single() {
                pause(part.conflicts).await;
                parts.push_back(part);
            } else if part.conflicts > CONFLICTS || took > LONG_WAIT {
                split_up(part, parts);
            } else {
                pause(part.conflicts).await;
                parts.push_front(part);
            }
        }
        FailureKind::Transient | FailureKind::Permanent | FailureKind::NotYet
            if !part.is_single() =>
        {
            tracing::debug!(
                "a batch of {} runs again in parts: {}",
                part.works.len(),
                failed.failure
            );
            split_up(part, parts);
        }
        FailureKind::Transient if part.retry(&failed).again_at_once(part.attempts + 1) => {
            part.attempts += 1;
            ballet_amqp::counter!("ballet_failures_total", "then" => "again").increment(1);
            tracing::warn!("a handler failed; trying again: {}", failed.failure);
            pause(part.attempts).await;
            parts.push_front(part);
        }
        FailureKind::Transient | FailureKind::Permanent | FailureKind::NotYet => {
            later_or_never(engine, part.works, &failed, part.attempts + 1).await;
        }
    }
}

async fn pause(failures: u32) {
    tokio::time::sleep(PAUSES.after(failures)).await;
}

fn settle(engine: &Engine, works: Vec<Work>) {
    let now = engine.clock.now();
    for work in works {
        match work {
            Work::Message(message) => {
                if let Some(age) = message.age(now) {
                    ballet_amqp::histogram!("ballet_publish_to_commit_seconds").record(age);
                }
                let outcome = if message.is_duplicate { "duplicate" } else { "settled" };
                left(engine, &message, Ok(outcome));
                message.receipt.settle();
            }
            Work::Answer(answer) => drop(answer),
        }
    }
}

/// Puts messages off, or sets them aside, when the immediate attempts are used up.
async fn later_or_never(
    engine: &Arc<Engine>,
    works: Vec<Work>,
    failed: &BatchFailure,
    attempts: u32,
) {
    // The handlers of a message commit together: if one failed, none compensated anything.
    let compensates = works.iter().any(Work::compensates);
    let permanent = failed.failure.kind() == FailureKind::Permanent;
    if compensates && !permanent {
        // A compensation is never given up silently.
        return later(engine, works, failed, attempts).await;
    }
    for work in works {
        match work {
            Work::Message(message) => {
                let waits = dead_letter::waits(&message.delivery);
                let (reason, delay) = match failed.failure.kind() {
                    FailureKind::Permanent => (failed.reason.unwrap_or(Reason::Permanent), None),
                    FailureKind::NotYet => (Reason::NotYet, Delay::not_yet(waits)),
                    _ => (Reason::Failed, message.known.retry(failed.handler).after(waits)),
                };
                match delay {
                    Some(delay) => put_off(engine, *message, failed, delay, attempts),
                    None => {
                        if needs_tombstone(&message, failed) {
                            leave_tombstone(engine, &message).await;
                        }
                        let why = Unacceptable::new(reason, failed.failure.to_string());
                        left(engine, &message, Err(&why.detail));
                        let Message { delivery, receipt, .. } = *message;
                        dead_letter::set_aside(
                            engine,
                            delivery,
                            receipt,
                            why,
                            failed.handler,
                            attempts,
                        );
                    }
                }
            }
            // A call is never given up: its answer is asked for again under the same key.
            Work::Answer(answer) => ask_again(engine, *answer, &failed.failure),
        }
    }
}

/// Tries again later, without end.
async fn later(engine: &Arc<Engine>, works: Vec<Work>, failed: &BatchFailure, attempts: u32) {
    for work in works {
        match work {
            Work::Message(message) => {
                if needs_tombstone(&message, failed) {
                    leave_tombstone(engine, &message).await;
                }
                let delay = Delay::endless(dead_letter::waits(&message.delivery));
                put_off(engine, *message, failed, delay, attempts);
            }
            Work::Answer(answer) => ask_again(engine, *answer, &failed.failure),
        }
    }
}

fn put_off(
    engine: &Arc<Engine>,
    message: Message,
    failed: &BatchFailure,
    delay: Delay,
    attempts: u32,
) {
    let waits_for_another = failed.failure.kind() == FailureKind::NotYet;
    let reason = if waits_for_another { Reason::NotYet } else { Reason::Failed };
    let why = Unacceptable::new(reason, failed.failure.to_string());
    left(engine, &message, Err(&why.detail));
    let Message { delivery, receipt, .. } = message;
    dead_letter::retry_later(engine, delivery, receipt, why, failed.handler, delay, attempts);
}

/// Ends a message's span. What becomes of its copy, if there is one, is in the same trace.
fn left(engine: &Engine, message: &Message, outcome: Result<&str, &str>) {
    let waits = dead_letter::waits(&message.delivery);
    let now = engine.clock.now();
    message.traced.left(&engine.spans, &message.envelope, waits, outcome, now);
}

/// Until the compensation is done, the tombstone must keep later steps from taking effect.
fn needs_tombstone(message: &Message, failed: &BatchFailure) -> bool {
    // Without the saga's lock there is no tombstone either.
    let locked = failed.handler.is_none() && failed.failure.kind() == FailureKind::Conflict;
    // Nor for what is forgotten.
    let forgotten = matches!(failed.reason, Some(Reason::SagaTooOld | Reason::TooOldToDeduplicate));
    message.known.aborts() && !locked && !forgotten
}

async fn leave_tombstone(engine: &Arc<Engine>, message: &Message) {
    let mut may_be_forgotten = message.age.saga_is_old || message.age.is_doubtful;
    while let Err(failure) = entomb(engine, message, may_be_forgotten).await {
        if failure.is_missing_partition() {
            batch::make_partitions(engine).await;
            may_be_forgotten = true;
        }
        tracing::warn!("a tombstone could not be written; trying again: {failure}");
        if *engine.stopping.borrow() {
            return;
        }
        pause(4).await;
        engine.wait_for_database().await;
    }
}
