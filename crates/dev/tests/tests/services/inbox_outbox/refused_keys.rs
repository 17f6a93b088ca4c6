//! The events of a key that the broker refuses wait, and all others go on.

use std::collections::HashMap;

use ballet::{Clock, Event, Participant, Running};
use ballet_amqp::Publish;
use ballet_testkit::memory::until;
use serde_json::Value;

use crate::inbox_outbox::stage::OutboxStage;
use crate::inbox_outbox::trip::{Rental, cars};

ballet_testkit::events! {
    LotCounted = plain "cars.lot_counted.v1" { lot: i64, count: i64 }
    LotClosed = plain "cars.lot_closed.v1" { lot: i64, count: i64 }
}

fn service() -> Participant {
    cars(Rental::default()).publishes::<LotCounted>().publishes::<LotClosed>()
}

const BATCHES: i64 = 40;
const LOTS: i64 = 250;
/// Events of each type: more than the publisher holds in memory.
const EVENTS: usize = 10_000;

async fn close_lots(running: &Running, batches: std::ops::Range<i64>, lots: i64) {
    for count in batches {
        let mut unit = running.handle().unit().await.expect("a transaction");
        for lot in 0..lots {
            unit.tx().publish(&LotCounted { lot, count }).await.expect("published");
            unit.tx().publish(&LotClosed { lot, count }).await.expect("published");
        }
        unit.commit().await.expect("committed");
    }
}

/// Closes some lots at a time, so that the publisher always has room. What finds none is swept, out of order.
async fn close_all_lots(stage: &OutboxStage, running: &Running) {
    for begun in (0..BATCHES).step_by(10) {
        close_lots(running, begun..begun + 10, LOTS).await;
        let closed = usize::try_from((begun + 10) * LOTS).expect("few");
        stage.until_taken::<LotClosed>(closed).await;
    }
}

fn assert_once_and_in_order(events: &[Publish], batches: i64, lots: i64) {
    let mut counts: HashMap<i64, Vec<i64>> = HashMap::new();
    for event in events {
        let body: Value = serde_json::from_slice(&event.body).expect("JSON");
        let number = |name: &str| body[name].as_i64().expect("a number");
        counts.entry(number("lot")).or_default().push(number("count"));
    }
    assert_eq!(counts.len(), usize::try_from(lots).expect("few"));
    for (lot, counts) in &counts {
        assert!(counts.iter().copied().eq(0..batches), "lot {lot}: {counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t186_a_refused_key_holds_up_no_other_however_many_of_its_events_wait() {
    let stage = OutboxStage::new("refused_key", &[service()]).await;
    stage.broker.refuse_key(LotCounted::TYPE.name());
    let running = stage.start_by(service(), &[], Clock::system(), |_| {}).await;
    close_all_lots(&stage, &running).await;
    assert_once_and_in_order(&stage.taken::<LotClosed>(), BATCHES, LOTS);
    assert_eq!(stage.taken::<LotCounted>().len(), 0);
    close_lots(&running, BATCHES..BATCHES + 1, LOTS).await;
    let one_more = EVENTS + EVENTS / 40;
    stage.until_taken::<LotClosed>(one_more).await;
    stage.broker.refuse_no_key();
    let counted = stage.until_taken::<LotCounted>(one_more).await;
    assert_once_and_in_order(&counted, BATCHES + 1, LOTS);
    // What was published meanwhile does not come again.
    stage.until_count("cars", "ballet.outbox()", 0).await;
    until("each once", || stage.broker.taken().len(), 2 * one_more).await;
    assert_eq!(stage.count("cars", "ballet.outbox_dead").await, 0);
}
