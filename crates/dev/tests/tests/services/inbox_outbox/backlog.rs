//! Outbox tables that a reader or an unavailable broker keeps full: the cost of looking at them, and that everything
//! is published.

use std::collections::HashMap;
use std::time::Instant;

use ballet::{Clock, Participant, Running};
use ballet_stage::wait_until;
use ballet_testkit::memory::until;

use crate::inbox_outbox::stage::{OutboxStage, SOON};
use crate::inbox_outbox::trip::{Rental, cars};

ballet_testkit::events! {
    LotCounted = plain "cars.lot_counted.v1" { lot: i64, count: i64 }
}

fn service(rental: &Rental) -> Participant {
    cars(rental.clone()).publishes::<LotCounted>()
}

/// Each lot has one event in each batch.
async fn count_lots(running: &Running, batches: std::ops::Range<i64>, lots: i64) {
    for count in batches {
        let mut unit = running.handle().unit().await.expect("a transaction");
        for lot in 0..lots {
            unit.tx().publish(&LotCounted { lot, count }).await.expect("published");
        }
        unit.commit().await.expect("committed");
    }
}

/// Counts rows of outbox tables since the database began.
async fn written_and_read(stage: &OutboxStage) -> (i64, i64) {
    sqlx::query_as(
        "select sum(n_tup_ins)::bigint, sum(seq_tup_read)::bigint from pg_stat_user_tables \
         where schemaname = 'ballet' and relname ~ '^outbox_[0-9]+$'",
    )
    .fetch_one(&mut stage.connect("cars").await)
    .await
    .expect("statistics")
}

/// Waits until so many written rows are reported, because sessions report at intervals.
async fn until_reported(stage: &OutboxStage, rows: i64) -> (i64, i64) {
    wait_until("the statistics", SOON, || async {
        let (written, read) = written_and_read(stage).await;
        let all = (written >= rows).then_some((written, read));
        if all.is_some() { Ok(all) } else { Err(format!("{written} rows were written")) }
    })
    .await
    .expect("all that was written")
}

/// A dead process's event. Once it is published, a sweep is complete.
fn left_behind(process: usize) -> String {
    format!(
        "do $$ declare t int := ballet.take_outbox({process}); begin
             execute format('insert into ballet.outbox_%s (owner, batch, position, message_id, \
                 event_type, body, created_at) values ({process}, 1, 0, gen_random_uuid(), \
                 ''cars.lot_counted.v1'', ''{{\"lot\":-1,\"count\":0}}'', now())', t);
         end $$"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn t187_beside_a_dump_looks_cost_what_is_written_and_all_is_emptied_when_it_is_gone() {
    const TURN: i64 = 42;
    let rental = Rental::default();
    let stage = OutboxStage::new("dump", &[service(&rental)]).await;
    let running = stage.start_by(service(&rental), &[], Clock::system(), |_| {}).await;
    count_lots(&running, 0..TURN, 500).await;
    let mut events = 21_000;
    stage.until_taken::<LotCounted>(events).await;
    let dump = stage.databases["cars"].hold_tables().await.expect("held");
    let begun = Instant::now();
    for turn in 1..=4 {
        count_lots(&running, TURN * turn..TURN * (turn + 1), 500).await;
        events += 21_000;
        for _ in 0..3 {
            stage.execute("cars", &left_behind(1_000_000 + events)).await;
            events += 1;
            stage.until_taken::<LotCounted>(events).await;
        }
    }
    let (written, read) = until_reported(&stage, 105_000).await;
    // Four tables that take turns by the clock would be read as a whole at each look: 17 times what was written, and
    // growing. In the end a full table is looked at every half minute, so a slow machine has more looks.
    let half_minutes = i64::try_from(begun.elapsed().as_secs() / 30).expect("small");
    println!("{read} rows were read of {written} written, in {half_minutes} half minutes");
    assert!(read < (10 + half_minutes) * written, "{read} rows were read of {written} written");
    dump.release().await.expect("released");
    stage.until_count("cars", "ballet.outbox()", 0).await;
    assert_eq!(stage.taken::<LotCounted>().len(), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn t49_t188_what_waits_behind_an_outage_drains_in_order_and_in_linear_time() {
    // Batches of 500 events.
    let batches = std::env::var("BALLET_BACKLOG").ok().and_then(|set| set.parse().ok());
    let batches: i64 = batches.unwrap_or(400);
    let rental = Rental::default();
    let stage = OutboxStage::new("outage", &[service(&rental)]).await;
    let running = stage.start_by(service(&rental), &[], Clock::system(), |_| {}).await;
    stage.broker.unreachable(true);
    stage.broker.drop_connections("");
    count_lots(&running, 0..batches, 500).await;
    stage.broker.unreachable(false);
    let events = 500 * usize::try_from(batches).expect("small");
    until("all events", || stage.broker.taken_count(), events).await;
    let mut counts: HashMap<i64, Vec<i64>> = HashMap::new();
    for message in stage.taken::<LotCounted>() {
        let LotCounted { lot, count } = serde_json::from_slice(&message.body).expect("an event");
        counts.entry(lot).or_default().push(count);
    }
    for (lot, counts) in &counts {
        assert!(counts.iter().copied().eq(0..batches), "lot {lot}: {counts:?}");
    }
    let (written, read) = until_reported(&stage, 500 * batches).await;
    // A table of 20,000 is read once for each 3,000 read back, and for some looks: 11 to 19 times what was written,
    // for 30,000 events as for a million. Looks that read all that waits would make it 50 times at 300,000, 35 times at 200,000, and
    // growing.
    println!("{read} rows were read of {written} written");
    assert!(read < 30 * written, "{read} rows were read of {written} written");
    stage.until_published("cars").await;
    assert_eq!(stage.broker.taken_count(), events, "each once");
}
