//! Events that the publisher did not get, or could not hold, are still published.

use ballet::{Clock, Event};
use ballet_testkit::memory::{ExchangeKind, left_by_a_gone_process, until};

use crate::inbox_outbox::stage::{OutboxStage, book};
use crate::inbox_outbox::trip::{DESK_TABLES, Trip, TripBooked, TripCancelled, desk};

/// Batches of a process that is gone.
fn left(batches: u32, events: u32) -> String {
    left_by_a_gone_process(&rows(batches, events))
}

fn rows(batches: u32, events: u32) -> String {
    format!(
        "insert into ballet.outbox_left (owner, batch, position, message_id, event_type, saga_id, \
             body, created_at) \
         select 99999, batch, position, gen_random_uuid(), 'desk.trip_booked.v1', \
             gen_random_uuid(), '{{\"city\":\"Oslo\"}}', now() \
         from generate_series(1, {batches}) batch, generate_series(0, {events} - 1) position"
    )
}

/// Does this in the outbox table that a process writes to first.
fn in_current(what: &str) -> String {
    format!(
        "do $$ declare current int; begin \
             select min(table_number) into strict current from ballet.outbox_table \
                 where owner is not null; \
             execute format('{what}', current); end $$"
    )
}

#[tokio::test]
async fn t52_what_a_sweep_finds_and_memory_has_no_room_for_is_found_again() {
    let stage = OutboxStage::new("no_room_to_sweep", &[desk()]).await;
    let _running = stage.start(desk(), DESK_TABLES).await;
    // The publisher holds 6,000 messages, so only the first batch fits.
    stage.execute("desk", &left(3, 4000)).await;
    stage.until_taken::<TripBooked>(12_000).await;
    stage.until_published("desk").await;
}

#[tokio::test]
async fn what_is_committed_while_memory_has_no_room_is_published_by_the_next_sweep() {
    let stage = OutboxStage::new("no_room_to_commit", &[desk()]).await;
    let running = stage.start(desk(), DESK_TABLES).await;
    stage.broker.hold_confirms();
    stage.execute("desk", &left(1, 6000)).await;
    // The maximum that may be unconfirmed, so the whole batch is in memory.
    stage.until_taken::<TripBooked>(2000).await;
    book(&running, stage.new_saga()).await;
    stage.broker.release_confirms();
    stage.until_taken::<TripBooked>(6001).await;
    stage.until_published("desk").await;
}

#[tokio::test]
async fn what_a_gone_process_wrote_to_the_table_of_an_idle_one_is_published() {
    let stage = OutboxStage::new("idle", &[desk()]).await;
    let _running = stage.start_by(desk(), DESK_TABLES, Clock::system(), |_| {}).await;
    // As a process that was frozen, lost the table, and committed to it once more before it was killed.
    let row = rows(1, 1).replace("outbox_left", "outbox_%s").replace('\'', "''");
    stage.execute("desk", &in_current(&row)).await;
    stage.until_taken::<TripBooked>(1).await;
    stage.until_published("desk").await;
}

#[tokio::test]
async fn an_event_that_no_queue_takes_waits_until_one_does() {
    let stage = OutboxStage::new("no_queue_at_all", &[desk()]).await;
    let running = stage.start(desk(), DESK_TABLES).await;
    // With only this binding.
    stage.broker.exchange("events", ExchangeKind::Topic);
    stage.broker.queue("late");
    stage.broker.bind("events", TripCancelled::TYPE.name(), "late");
    let saga = stage.new_saga();
    book(&running, saga).await;
    let mut unit = running.handle().saga_unit(saga).await.expect("a transaction");
    unit.abort::<Trip>(TripCancelled { reason: "test".into() }).await.expect("an answer");
    unit.commit().await.expect("committed");
    // The one before reached the broker first.
    stage.until_taken::<TripCancelled>(1).await;
    stage.broker.bind("events", TripBooked::TYPE.name(), "late");
    until("both", || stage.broker.ready("late").len(), 2).await;
    stage.until_published("desk").await;
    for event in stage.broker.ready("late") {
        assert_eq!(event.properties.delivery_mode(), &Some(2), "a classic queue keeps it, too");
    }
}
