//! Publishing committed events: by whom, when, and how it is marked.

use std::time::{Duration, Instant};

use ballet::Running;
use ballet_testkit::memory::{left_by_a_gone_process, until};
use sqlx::Connection;
use tokio::time::timeout;

use crate::inbox_outbox::stage::{OutboxStage, SOON, book, execute};
use crate::inbox_outbox::trip::{DESK_TABLES, TripBooked, TripWanted, desk};

const MARKS: &str = "ballet.outbox() where position = -1";
/// One desk whose broker takes messages without a word.
async fn unconfirmed(name: &str) -> (OutboxStage, Running) {
    let stage = OutboxStage::new(name, &[desk()]).await;
    let running = stage.start(desk(), DESK_TABLES).await;
    stage.broker.hold_confirms();
    book(&running, stage.new_saga()).await;
    stage.until_taken::<TripBooked>(1).await;
    (stage, running)
}

#[tokio::test]
async fn t45_t46_t47_a_slow_publish_of_a_living_process_is_not_taken_over() {
    let (stage, _first) = unconfirmed("living").await;
    let ours = stage.taken::<TripBooked>().remove(0);
    let _second = stage.start(desk(), DESK_TABLES).await;
    let left = "insert into ballet.outbox_left values (99999, 1, 0, gen_random_uuid(), \
                'desk.trip_booked.v1', gen_random_uuid(), null, null, '{\"city\":\"Oslo\"}', now())";
    let left = left_by_a_gone_process(left);
    let lock = "begin; do $$ begin execute (select format('lock table ballet.outbox_%s \
                in access exclusive mode', table_number) from ballet.outbox_table \
                where owner = 99999); end $$";
    let have_swept = "(select owner from ballet.outbox_table where owner is not null \
                      group by owner having count(*) > 1) as process";
    // Both have swept when each has taken over a table of a dead process. The first waits in its sweep for a locked
    // table, so the next table falls to the other.
    let mut written = 1;
    while stage.count("desk", have_swept).await < 2 {
        let mut lives = stage.connect("desk").await;
        execute(&mut lives, "select pg_advisory_lock(x'626c74'::int, 99999)").await;
        stage.execute("desk", &left).await;
        let mut blocker = stage.connect("desk").await;
        execute(&mut blocker, lock).await;
        lives.close().await.expect("it is gone");
        stage.until_waiting("desk", 1).await;
        stage.execute("desk", &left).await;
        stage.until_taken::<TripBooked>(written + 1).await;
        execute(&mut blocker, "commit").await;
        written += 2;
        stage.until_taken::<TripBooked>(written).await;
    }
    let taken = stage.taken::<TripBooked>();
    assert_eq!(taken.iter().filter(|message| **message == ours).count(), 1);
    stage.broker.release_confirms();
    stage.until_published("desk").await;
    assert_eq!(stage.taken::<TripBooked>().len(), written);
}

#[tokio::test]
async fn t48_no_transaction_is_open_while_the_broker_takes_its_time() {
    let (stage, _running) = unconfirmed("no_transaction").await;
    let open = "pg_stat_activity where datname = current_database() \
                and pid <> pg_backend_pid() and xact_start is not null";
    stage.until_count("desk", open, 0).await;
    let locked = "pg_locks where relation = 'ballet.outbox_0'::regclass";
    stage.until_count("desk", locked, 0).await;
    // A mark would go with the lane's next batch.
    for count in 2..=3 {
        stage.put(&stage.new_id(), None, &TripWanted { city: "Rome".into() });
        stage.until_taken::<TripBooked>(count).await;
    }
    assert_eq!(stage.count("desk", MARKS).await, 0, "none is confirmed yet");
    stage.broker.release_confirms();
    stage.until_published("desk").await;
}

#[tokio::test]
async fn messages_wait_while_too_much_of_what_they_caused_is_not_published() {
    let stage = OutboxStage::new("catch_up", &[desk()]).await;
    let alone = |settings: &mut ballet::Settings| settings.batch = 1;
    let _running = stage.start_with(desk(), DESK_TABLES, alone).await;
    stage.broker.hold_confirms();
    // More than half of the limit in memory.
    let left = "insert into ballet.outbox_left select 99999, batch, position, gen_random_uuid(), \
                    'desk.trip_booked.v1', gen_random_uuid(), null, null, '{\"city\":\"Oslo\"}', now() \
                from generate_series(1, 100) batch, generate_series(0, 50) position";
    stage.execute("desk", &left_by_a_gone_process(left)).await;
    stage.until_taken::<TripBooked>(2000).await;
    let begun = Instant::now();
    for _ in 0..10 {
        stage.put(&stage.new_id(), None, &TripWanted { city: "Rome".into() });
    }
    stage.until_count("desk", "trip", 10).await;
    assert!(begun.elapsed() > Duration::from_millis(800), "handled within {:?}", begun.elapsed());
    stage.broker.release_confirms();
    stage.until_taken::<TripBooked>(5110).await;
    stage.until_settled("desk").await;
    assert_eq!(stage.count("desk", "trip").await, 10);
}

#[tokio::test]
async fn t54_a_mark_that_cannot_be_written_is_written_later_and_nothing_is_sent_again() {
    let (stage, running) = unconfirmed("mark").await;
    let mut blocker = stage.connect("desk").await;
    execute(&mut blocker, "begin; lock table ballet.outbox_0 in share row exclusive mode").await;
    stage.broker.release_confirms();
    stage.until_waiting("desk", 1).await;
    // It gives up, and waits before the next attempt.
    stage.until_waiting("desk", 0).await;
    execute(&mut blocker, "commit").await;
    stage.until_count("desk", MARKS, 1).await;
    book(&running, stage.new_saga()).await;
    stage.until_count("desk", MARKS, 2).await;
    until("each once", || stage.taken::<TripBooked>().len(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t55_a_stop_records_what_is_confirmed_and_leaves_the_rest_to_the_next() {
    let stage = OutboxStage::new("stop", &[desk()]).await;
    let soon = |settings: &mut ballet::Settings| settings.drain_seconds = 1;
    let running = stage.start_with(desk(), DESK_TABLES, soon).await;
    book(&running, stage.new_saga()).await;
    stage.until_count("desk", MARKS, 1).await;
    stage.broker.hold_confirms();
    book(&running, stage.new_saga()).await;
    stage.until_taken::<TripBooked>(2).await;
    timeout(SOON, running.stop()).await.expect("stopped in time");
    assert_eq!(stage.count("desk", MARKS).await, 1);
    stage.broker.release_confirms();
    let _next = stage.start(desk(), DESK_TABLES).await;
    stage.until_published("desk").await;
    let taken = stage.taken::<TripBooked>();
    assert_eq!(taken.len(), 3);
    assert_eq!(taken[1], taken[2], "only what was not confirmed comes again");
}
