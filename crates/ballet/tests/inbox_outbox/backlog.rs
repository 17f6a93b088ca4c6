//! Outbox tables that cannot be emptied, because of a reader or of a broker that is away: what looks
//! at them cost, and that everything is published all the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ballet::{Clock, Event, EventType, Participant, Running};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stage::{Stage, execute, until};
use crate::trip::{Rental, cars};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct LotCounted {
    lot: i64,
    count: i64,
}

impl Event for LotCounted {
    const TYPE: EventType = EventType::plain("cars.lot_counted.v1");
}

fn service(rental: &Rental) -> Participant {
    cars(rental.clone()).publishes::<LotCounted>()
}

/// A clock that the test moves on.
#[derive(Clone, Default)]
struct Turns(Arc<AtomicI64>);

impl Turns {
    fn clock(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let (begun, seconds) = (Clock::system().now(), Arc::clone(&self.0));
        move || begun + SignedDuration::from_secs(seconds.load(Ordering::SeqCst))
    }

    fn next(&self) {
        self.0.fetch_add(10, Ordering::SeqCst);
    }
}

/// Commits batches of events. Each lot has one event in each batch.
async fn count_lots(running: &Running, batches: std::ops::Range<i64>, lots: i64) {
    for count in batches {
        let mut unit = running.handle().unit().await.expect("a transaction");
        for lot in 0..lots {
            unit.tx().publish(&LotCounted { lot, count }).await.expect("published");
        }
        unit.commit().await.expect("committed");
    }
}

/// Rows of the outbox tables that were written and that were read, since the database began.
async fn written_and_read(stage: &Stage) -> (i64, i64) {
    sqlx::query_as(
        "select sum(n_tup_ins)::bigint, sum(seq_tup_read)::bigint from pg_stat_user_tables \
         where schemaname = 'ballet' and relname ~ '^outbox_[0-9]+$'",
    )
    .fetch_one(&mut stage.connect("cars").await)
    .await
    .expect("statistics")
}

/// Holds all outbox tables that there are, as a dump does.
const DUMP: &str = "begin; do $$ declare t regclass; begin
    for t in select oid from pg_class where relnamespace = 'ballet'::regnamespace
        and relname ~ '^outbox_[0-9]+$' loop
        execute format('lock table %s in access share mode', t);
    end loop; end $$";

/// A call that a dead process left open. That it is made shows that a sweep has come to its end.
const CALL: &str = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, \
    created_at, next_at) select gen_random_uuid(), gen_random_uuid(), 'rent_car', '', false, \
    '\"Rome\"', 77, at, at from (select now() - interval '1 hour' as at) as past";

const STORED: &str = "ballet.outbox()";

#[tokio::test(flavor = "multi_thread")]
async fn t187_beside_a_dump_looks_cost_what_is_written_and_all_is_emptied_when_it_is_gone() {
    let (rental, turns) = (Rental::default(), Turns::default());
    let stage = Stage::new("dump", &[service(&rental)]).await;
    let running = stage.start_by(service(&rental), &[], turns.clock(), |_| {}).await;
    count_lots(&running, 0..20, 200).await;
    stage.until_taken::<LotCounted>(4_000).await;
    let mut dump = stage.connect("cars").await;
    execute(&mut dump, DUMP).await;
    for turn in 1..=10 {
        count_lots(&running, 20 * turn..20 * (turn + 1), 200).await;
        stage.until_taken::<LotCounted>(4_000 * (usize::try_from(turn).expect("small") + 1)).await;
        turns.next();
        for sweep in 1..=2 {
            stage.execute("cars", CALL).await;
            let calls = 2 * (usize::try_from(turn).expect("small") - 1) + sweep;
            until("the call of a dead process", || rental.asked().len(), calls).await;
        }
    }
    let (written, read) = written_and_read(&stage).await;
    assert!(written >= 44_000, "{written} rows were written");
    assert!(read < 5 * written, "{read} rows were read of {written} written");
    execute(&mut dump, "commit").await;
    turns.next();
    stage.until_count("cars", STORED, 0).await;
    assert_eq!(stage.taken::<LotCounted>().len(), 44_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn t188_what_waits_behind_an_outage_drains_in_order_and_in_linear_time() {
    const BATCHES: i64 = 180;
    let rental = Rental::default();
    let stage = Stage::new("outage", &[service(&rental)]).await;
    let running = stage.start_by(service(&rental), &[], || Clock::system().now(), |_| {}).await;
    stage.broker.unreachable(true);
    stage.broker.drop_connections("");
    count_lots(&running, 0..BATCHES, 500).await;
    stage.broker.unreachable(false);
    until("all events", || stage.broker.taken().len(), 90_000).await;
    let mut counts: HashMap<i64, Vec<i64>> = HashMap::new();
    for message in stage.taken::<LotCounted>() {
        let LotCounted { lot, count } = serde_json::from_slice(&message.body).expect("an event");
        counts.entry(lot).or_default().push(count);
    }
    for (lot, counts) in &counts {
        assert!(counts.iter().copied().eq(0..BATCHES), "lot {lot}: {counts:?}");
    }
    let (written, read) = written_and_read(&stage).await;
    assert!(read < 15 * written, "{read} rows were read of {written} written");
}
