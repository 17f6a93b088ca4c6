//! Tests of the example `compensate`.

use ballet_testkit::TestSystem;
use concepts::compensate::{self, PopcornPutAside, PopcornPutBack};
use concepts::ticket_order::{OrderCancelled, TicketsOrdered};
use uuid::Uuid;

const BAGS: &str = "select bags::bigint from shelf";

pub(crate) fn ordered(order_id: Uuid, seats: u16, popcorn: u16) -> TicketsOrdered {
    let (show, card) = ("premiere".to_owned(), "card_good".to_owned());
    TicketsOrdered { order_id, show, seats, popcorn, price_cents: 1_200, card }
}

pub(crate) fn cancelled(order_id: Uuid) -> OrderCancelled {
    OrderCancelled { order_id, reason: "the test says so".to_owned() }
}

#[tokio::test]
async fn popcorn_is_put_back_once_with_what_was_put_aside() {
    let system = TestSystem::new("compensate", vec![compensate::service()]).await;
    let (first, without) = (system.new_id(), system.new_id());
    system.publish(first, &ordered(first, 1, 4)).await;
    assert_eq!(system.event::<PopcornPutAside>(first).await.bags, 4);
    assert_eq!(system.value::<i64>("snack_bar", BAGS).await, 96);
    system.publish(without, &ordered(without, 1, 0)).await;
    for order_id in [without, first, first] {
        system.publish(order_id, &cancelled(order_id)).await;
    }
    assert_eq!(system.event::<PopcornPutBack>(first).await.bags, 4);

    // The cancellation comes first, and the step never runs.
    let overtaken = system.new_id();
    system.publish(overtaken, &cancelled(overtaken)).await;
    system.publish(overtaken, &ordered(overtaken, 1, 7)).await;
    // There is one lane, so what comes later has not come before.
    let last = system.new_id();
    system.publish(last, &ordered(last, 1, 1)).await;
    system.event::<PopcornPutAside>(last).await;
    assert_eq!(system.value::<i64>("snack_bar", BAGS).await, 99);
    assert_eq!(system.events::<PopcornPutBack>(first).await.len(), 1);
    assert_eq!(system.all_events::<PopcornPutBack>().await.len(), 1, "nobody hears of no bags");
    assert!(system.events::<PopcornPutAside>(overtaken).await.is_empty());
    system.close(0).await;
}
