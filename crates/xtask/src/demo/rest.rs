//! Waiting until all orders are at rest.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ballet::core::topology::JOURNAL;
use ballet_amqp::{Broker as _, Object, RabbitMq, Session};
use ballet_ops::audit::{Broker, Report};
use jiff::SignedDuration;
use uuid::Uuid;

use super::cases::Case;
use super::journal::{Ended, Tap};
use super::place::{Placed, Placer};
use super::stage::Stage;
use crate::ui::{self, Progress};

/// How often we look.
const TICK: Duration = Duration::from_millis(100);
/// Nothing happens for so long: something hangs. Longer than the longest wait between two tries
/// that these orders need.
const PATIENCE: Duration = Duration::from_secs(60);
/// The journal says nothing for so long: what was to be undone is undone.
const QUIET: Duration = Duration::from_millis(500);

/// All orders at rest, and what the auditor says of them.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) report: Report,
    /// Queues that are not empty, which they should be.
    pub(crate) waiting: Vec<String>,
    /// From the first order to the last end.
    pub(crate) took: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    placed: usize,
    completed: usize,
    cancelled: usize,
    events: usize,
}

/// Has the orders placed, follows them, and returns when nothing moves any more.
pub(crate) async fn wait(
    stage: &mut Stage,
    tap: &Tap,
    placed: &Placed,
    cases: &[Case],
    with_python: bool,
) -> Result<Rest> {
    let placer = Placer::new(stage, tap.clone(), placed.clone()).await?;
    let begun = Instant::now();
    let mut placing = Box::pin(placer.place(cases, with_python));
    let mut all_placed = false;
    let progress = Progress::new(cases.len());
    let (mut last, mut moved) = (Counts::default(), Instant::now());
    loop {
        tokio::select! {
            result = &mut placing, if !all_placed => {
                result?;
                all_placed = true;
            }
            () = tokio::time::sleep(TICK) => {}
        }
        stage.revive().await?;
        let counts = count(tap, placed)?;
        if counts != last {
            (last, moved) = (counts, Instant::now());
        }
        let ended = counts.completed + counts.cancelled;
        let open = counts.placed - ended;
        progress.show(
            ended,
            &format!(
                "{} placed, {} completed, {} compensated, {open} open",
                counts.placed, counts.completed, counts.cancelled
            ),
        );
        if all_placed && open == 0 {
            break;
        }
        if moved.elapsed() > PATIENCE {
            drop(progress);
            bail!(hanging(tap, placed)?);
        }
    }
    let took = begun.elapsed();
    drop(progress);
    settle(stage, tap, took).await
}

fn count(tap: &Tap, placed: &Placed) -> Result<Counts> {
    let all = placed.all();
    let journal = tap.journal()?;
    let mut counts = Counts { placed: all.len(), events: journal.events, ..Counts::default() };
    for order in all.keys() {
        match journal.ended(*order) {
            Some(Ended::Completed) => counts.completed += 1,
            Some(Ended::Cancelled { .. }) => counts.cancelled += 1,
            None => {}
        }
    }
    Ok(counts)
}

/// Names the orders that do not go on, with what was last heard of them.
fn hanging(tap: &Tap, placed: &Placed) -> Result<String> {
    const SHOWN: usize = 10;
    let journal = tap.journal()?;
    let mut open: Vec<(Uuid, &str, String)> = Vec::new();
    for (id, order) in placed.all() {
        if journal.ended(id).is_none() {
            let last = journal.saga(id).pop();
            let last = last.map_or("nothing".to_owned(), |event| event.name);
            open.push((id, order.case.name, last));
        }
    }
    open.sort();
    let lines: Vec<String> = open
        .iter()
        .take(SHOWN)
        .map(|(id, case, last)| format!("  {id} ({case}): last heard of it: {last}"))
        .collect();
    Ok(format!(
        "nothing happened for {PATIENCE:?}, and {} orders are open; the services' logs say why:\n{}",
        open.len(),
        lines.join("\n")
    ))
}

/// Waits for the compensations: until the journal is quiet and the auditor has nothing to say, or
/// until he says the same for long.
async fn settle(stage: &mut Stage, tap: &Tap, took: Duration) -> Result<Rest> {
    ui::say("checking that everything is at rest");
    let broker = RabbitMq::new(stage.bed()?.ops_amqp_url())?;
    let session = broker.connect("demo").await?;
    let mut queues = stage.bed()?.management().queues().await?;
    queues.retain(|queue| queue != JOURNAL);
    let places = stage.places()?;
    let begun = Instant::now();
    loop {
        stage.revive().await?;
        let quiet = tap.journal()?.moved.is_none_or(|moved| moved.elapsed() > QUIET);
        if quiet {
            let broker = Broker { queues: depths(&*session, &queues).await?, letters: Vec::new() };
            match places.audit(&broker, SignedDuration::ZERO).await {
                Ok(report) if report.is_at_rest() || begun.elapsed() > PATIENCE => {
                    session.close().await;
                    let waiting = broker.queues.iter().filter(|(_, count)| **count > 0);
                    let waiting = waiting.map(|(queue, count)| format!("{count} in {queue}"));
                    return Ok(Rest { report, waiting: waiting.collect(), took });
                }
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                // Something is under way, or a service was killed just now.
                Ok(_) | Err(_) => {}
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

/// What waits in each queue: work that is not done, dead letters, what nobody knows.
async fn depths(session: &dyn Session, queues: &[String]) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    for queue in queues {
        let messages = session.find(&Object::Queue(queue.clone())).await?.map_or(0, |q| q.messages);
        found.insert(queue.clone(), u64::from(messages));
    }
    Ok(found)
}
