//! Measures the judge of properties alone, on the entries of whole sagas.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ballet_amqp::{Delivery, Publish};
use ballet_check::Contracts;
use ballet_ops::monitor::{Monitor, WatchedJournal};
use ballet_ops::stream::{JournalItem, Record};
use ballet_stage::TestEnv;
use uuid::Uuid;

use crate::console::journal::{JournalPublisher, OPENED};
use crate::runs::contracts;
use crate::runs::stage::BenchStage;

const ENTRIES: u32 = 200_000;
/// The number of sagas that run at a time.
const TOGETHER: usize = 500;
/// Sagas that are silent for longer are judged by what they lack, and forgotten.
const PATIENCE: Duration = Duration::from_secs(1);
/// Each event is because of the one before.
const COMPLETED: [&str; 6] =
    ["a.wanted.v1", OPENED, "b.moved.v1", "c.moved.v1", "d.moved.v1", "a.closed.v1"];
const ABORTED: [&str; 6] =
    ["a.wanted.v1", OPENED, "b.moved.v1", "c.refused.v1", "a.cancelled.v1", "b.compensated.v1"];

/// Returns the speed in entries a second.
pub(super) async fn rate(stage: &BenchStage, env: &TestEnv) -> Result<f64> {
    let contracts = Contracts::read(&contracts::write(&stage.logs)?)?;
    let watched = WatchedJournal::new(contracts.system(), PATIENCE.try_into()?);
    let publisher = JournalPublisher::new(env)?;
    let (mut read, mut time) = (0, Duration::ZERO);
    while read < ENTRIES {
        let records = portion(&publisher, read);
        let now = publisher.clock.now();
        let begun = Instant::now();
        for record in &records {
            watched.read(record, now);
        }
        time += begun.elapsed();
        read += u32::try_from(records.len())?;
    }
    publisher.close().await;
    let tally = watched.with(|monitor: &mut Monitor| monitor.tally());
    ensure!(tally.violations == 0 && tally.entries == u64::from(read), "judged: {tally:?}");
    Ok(f64::from(read) / time.as_secs_f64())
}

/// One saga in ten is aborted.
fn portion(publisher: &JournalPublisher, read: u32) -> Vec<JournalItem> {
    let mut sagas: Vec<(Uuid, Option<String>)> =
        (0..TOGETHER).map(|_| (publisher.id(), None)).collect();
    let mut records = Vec::new();
    for step in 0..COMPLETED.len() {
        for (number, (saga, cause)) in sagas.iter_mut().enumerate() {
            let way = if number % 10 == 0 { ABORTED } else { COMPLETED };
            let event = publisher.event(way[step], *saga, cause.as_deref());
            *cause = event.properties.message_id().as_ref().map(ToString::to_string);
            records.push(event);
        }
    }
    (u64::from(read)..).zip(records).map(|(offset, event)| record(event, offset)).collect()
}

fn record(event: Publish, offset: u64) -> JournalItem {
    let Publish { exchange, routing_key, properties, body, .. } = event;
    let body = body.into();
    let delivery = Delivery { tag: 0, redelivered: false, exchange, routing_key, properties, body };
    JournalItem::Record(Record { offset: Some(offset), ..Record::from(delivery) })
}
