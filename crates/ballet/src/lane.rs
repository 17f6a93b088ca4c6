//! A lane: an ordered unit of concurrency. All messages of one saga go to one lane.
//!
//! A lane takes what is ready, so a single message does not wait and a backlog is worked off in
//! batches. When a handler fails, the batch is rolled back and run again in parts, the culprit
//! alone, so that one bad message costs its neighbours nothing but a little time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::{Reason, Unacceptable};
use tokio::sync::{mpsc, watch};

use crate::batch::{self, BatchFailure};
use crate::engine::Engine;
use crate::message::Work;
use crate::{Failure, FailureKind};

/// How often a message is tried at once before it becomes a dead letter.
const ATTEMPTS: u32 = 3;
/// How often a batch that met another transaction is tried as a whole before it is split.
const CONFLICTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// Works until the channel closes.
pub(crate) async fn run(
    engine: Arc<Engine>,
    mut works: mpsc::UnboundedReceiver<Work>,
    cautious: watch::Receiver<bool>,
) {
    let mut stopping = engine.stopping.clone();
    loop {
        let first = tokio::select! {
            work = works.recv() => work,
            () = crate::engine::stopped(&mut stopping) => None,
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
        metrics::histogram!("ballet_batch_size").record(count(batch.len()));
        process(&engine, batch).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "batches are small")]
fn count(items: usize) -> f64 {
    items as f64
}

/// A part of a batch, in its place among the others.
struct Part {
    works: Vec<Work>,
    attempts: u32,
}

async fn process(engine: &Arc<Engine>, batch: Vec<Work>) {
    let mut parts = VecDeque::from([Part { works: batch, attempts: 0 }]);
    while let Some(mut part) = parts.pop_front() {
        if *engine.stopping.borrow() {
            // The broker delivers again, and open calls are found in their table.
            return;
        }
        let begun = std::time::Instant::now();
        let ran = batch::run(engine, &mut part.works).await;
        metrics::histogram!("ballet_transaction_seconds").record(begun.elapsed().as_secs_f64());
        let failed = match ran {
            Ok(()) => {
                engine.database_answers(true);
                settle(engine, part.works);
                continue;
            }
            Err(failed) => failed,
        };
        part.attempts += 1;
        match failed.failure.kind() {
            FailureKind::ConnectionLost => {
                // Nobody's failure. Perhaps it is committed: then the inbox drops the rerun.
                tracing::warn!("the database is away, the batch waits: {}", failed.failure);
                engine.database_answers(false);
                engine.wait_for_database().await;
                part.attempts = 0;
                parts.push_front(part);
            }
            FailureKind::Conflict if part.attempts <= CONFLICTS || part.works.len() == 1 => {
                metrics::counter!("ballet_conflicts_total").increment(1);
                tokio::time::sleep(PAUSE * part.attempts.min(20)).await;
                parts.push_front(part);
            }
            FailureKind::Conflict | FailureKind::Transient | FailureKind::Permanent
                if part.works.len() > 1 =>
            {
                tracing::debug!(
                    "a batch of {} runs again in parts: {}",
                    part.works.len(),
                    failed.failure
                );
                for part in split(part.works, failed.culprit).into_iter().rev() {
                    parts.push_front(part);
                }
            }
            FailureKind::Transient if part.attempts < ATTEMPTS => {
                metrics::counter!("ballet_failures_total", "then" => "again").increment(1);
                tracing::warn!("a handler failed, and is tried again: {}", failed.failure);
                tokio::time::sleep(PAUSE * 2_u32.pow(part.attempts)).await;
                parts.push_front(part);
            }
            FailureKind::Conflict | FailureKind::Transient | FailureKind::Permanent => {
                for work in part.works {
                    give_up(engine, work, &failed, part.attempts);
                }
            }
        }
    }
}

/// Before the culprit, the culprit alone, and after it; in halves where there is no culprit.
fn split(mut works: Vec<Work>, culprit: Option<usize>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(3);
    match culprit {
        Some(at) if at < works.len() => {
            let after = works.split_off(at + 1);
            let alone = works.split_off(at);
            parts.extend([works, alone, after]);
        }
        Some(_) | None => {
            let second = works.split_off(works.len() / 2);
            parts.extend([works, second]);
        }
    }
    parts.retain(|works| !works.is_empty());
    parts.into_iter().map(|works| Part { works, attempts: 0 }).collect()
}

fn settle(engine: &Engine, works: Vec<Work>) {
    let now = engine.context.now();
    for work in works {
        match work {
            Work::Message(message) => {
                if let Some(age) = message.age(now) {
                    metrics::histogram!("ballet_publish_to_commit_seconds").record(age);
                }
                message.receipt.settle();
            }
            Work::Answer(answer) => engine.calls.forget([&answer.call]),
        }
    }
}

fn give_up(engine: &Arc<Engine>, work: Work, failed: &BatchFailure, attempts: u32) {
    let failure: &Failure = &failed.failure;
    match work {
        Work::Message(message) => {
            let reason = match failure.kind() {
                FailureKind::Permanent => Reason::Permanent,
                FailureKind::Transient | FailureKind::Conflict | FailureKind::ConnectionLost => {
                    Reason::Failed
                }
            };
            let why = Unacceptable::new(reason, failure.to_string());
            engine.set_aside(message.delivery, message.receipt, why, failed.handler, attempts);
        }
        // A call is never given up: its answer is asked for again under the same key.
        Work::Answer(answer) => engine.ask_again(answer.call, failure),
    }
}
