//! Waits until all orders are quiescent: they have ended, and no message is on its way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ballet::core::topology::JOURNAL;
use ballet_amqp::{Broker as _, Object, RabbitMq, Session};
use ballet_ops::audit::{BrokerSnapshot, Report};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::cases::OrderCase;
use crate::demo::orders::DemoOrders;
use crate::demo::placer::Placer;
use crate::demo::tap::Tap;
use crate::open_shop::OpenShop;
use ballet_terminal::{Progress, ui};
use ballet_trials::{End, Subject};

/// The interval at which the orders are counted.
const TICK: Duration = Duration::from_millis(100);
/// The time without any change after which a run counts as hanging. It is longer than the longest retry delay of
/// these orders.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time without an event after which all compensations are done.
const QUIET: Duration = Duration::from_millis(500);

/// The quiescent state, and the report of its audit.
#[derive(Debug)]
pub(crate) struct QuiescentShop {
    pub(crate) report: Report,
    /// The queues that still hold messages.
    pub(crate) waiting: Vec<String>,
    /// The time from the first order to the end of the last.
    pub(crate) took: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct OrderCounts {
    placed: usize,
    completed: usize,
    cancelled: usize,
    events: usize,
}

/// Places the orders, follows them, and returns when all are quiescent.
pub(crate) async fn wait(
    subject: &Subject,
    shop: &mut OpenShop,
    tap: &Tap,
    orders: &DemoOrders,
    cases: &[OrderCase],
    with_python: bool,
) -> Result<QuiescentShop> {
    let placer = Placer::new(shop, tap.clone(), orders.clone()).await?;
    let begun = Instant::now();
    let mut placing = Box::pin(placer.place(cases, with_python));
    let mut all_placed = false;
    let progress = Progress::told(cases.len() as u64);
    let (mut last, mut moved) = (OrderCounts::default(), Instant::now());
    loop {
        tokio::select! {
            result = &mut placing, if !all_placed => {
                result?;
                all_placed = true;
            }
            () = tokio::time::sleep(TICK) => {}
        }
        shop.revive().await?;
        let counts = count(tap, orders)?;
        if counts != last {
            (last, moved) = (counts, Instant::now());
        }
        let ended = counts.completed + counts.cancelled;
        let open = counts.placed - ended;
        progress.tell(
            ended as u64,
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
            bail!(hanging(tap, orders)?);
        }
    }
    let took = begun.elapsed();
    drop(progress);
    settle(subject, shop, tap, took).await
}

fn count(tap: &Tap, orders: &DemoOrders) -> Result<OrderCounts> {
    let all = orders.all();
    tap.journal(|journal| {
        let mut counts =
            OrderCounts { placed: all.len(), events: journal.events, ..OrderCounts::default() };
        for order in all.keys() {
            match journal.ended(*order) {
                Some(End::Completed) => counts.completed += 1,
                Some(End::Aborted(_)) => counts.cancelled += 1,
                None => {}
            }
        }
        counts
    })
}

/// Names the orders that have not ended, each with its last event.
fn hanging(tap: &Tap, orders: &DemoOrders) -> Result<String> {
    const SHOWN: usize = 10;
    let mut open: Vec<(Uuid, &str, String)> = tap.journal(|journal| {
        let open = orders.all().into_iter().filter(|(id, _)| journal.ended(*id).is_none());
        open.map(|(id, order)| {
            let last = journal.saga(id).pop();
            let last = last.map_or("none".to_owned(), |event| event.name);
            (id, order.case, last)
        })
        .collect()
    })?;
    open.sort();
    let lines: Vec<String> = open
        .iter()
        .take(SHOWN)
        .map(|(id, case, last)| format!("  {id} ({case}), last event: {last}"))
        .collect();
    Ok(format!(
        "nothing happened for {PATIENCE:?}, and {} orders are open; see the services' logs:\n{}",
        open.len(),
        lines.join("\n")
    ))
}

/// Waits for the compensations: until the journal is quiet and the audit finds nothing, or until the time is over.
async fn settle(
    subject: &Subject,
    shop: &mut OpenShop,
    tap: &Tap,
    took: Duration,
) -> Result<QuiescentShop> {
    ui::say("checking that nothing moves any more");
    let broker = RabbitMq::new(shop.stage.env.ops_amqp_url())?;
    let session = broker.connect("demo").await?;
    let mut queues = shop.stage.env.management().queues().await?;
    queues.retain(|queue| queue != JOURNAL);
    let endpoints = shop.endpoints();
    let begun = Instant::now();
    loop {
        shop.revive().await?;
        let quiet = tap.journal(|journal| journal.last_read)?.is_none_or(|at| at.elapsed() > QUIET);
        if quiet {
            let broker = BrokerSnapshot {
                queues: depths(&*session, &queues).await?,
                ..BrokerSnapshot::default()
            };
            let report = subject.audit(&endpoints, &broker, SignedDuration::ZERO).await;
            // Otherwise a message is on its way, or a service was killed just now.
            if report.is_quiescent() || begun.elapsed() > PATIENCE {
                session.close().await;
                let waiting = broker.queues.iter().filter(|(_, count)| **count > 0);
                let waiting = waiting.map(|(queue, count)| format!("{count} in {queue}"));
                return Ok(QuiescentShop { report, waiting: waiting.collect(), took });
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Returns the number of messages in each queue: open work, dead letters, and unknown events.
async fn depths(session: &dyn Session, queues: &[String]) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    for queue in queues {
        let queued = session.find(&Object::Queue(queue.clone())).await?.seen()?;
        let messages = queued.map_or(0, |queued| queued.messages);
        found.insert(queue.clone(), u64::from(messages));
    }
    Ok(found)
}
