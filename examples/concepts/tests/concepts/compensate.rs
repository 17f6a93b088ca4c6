//! Tests of the example `compensate`.

use concepts::compensate::{self, PopcornPutAside, PopcornPutBack};
use concepts::ticket_order::{OrderCancelled, TicketsOrdered};
use uuid::Uuid;

use crate::world::World;

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
    let world = World::new("compensate", vec![compensate::service()]).await;
    let (first, without) = (world.new_id(), world.new_id());
    world.publish(first, &ordered(first, 1, 4)).await;
    assert_eq!(world.event::<PopcornPutAside>(first).await.bags, 4);
    assert_eq!(world.value::<i64>("snack_bar", BAGS).await, 96);
    world.publish(without, &ordered(without, 1, 0)).await;
    for order_id in [without, first, first] {
        world.publish(order_id, &cancelled(order_id)).await;
    }
    assert_eq!(world.event::<PopcornPutBack>(first).await.bags, 4);

    // The cancellation comes first, and the step never runs.
    let overtaken = world.new_id();
    world.publish(overtaken, &cancelled(overtaken)).await;
    world.publish(overtaken, &ordered(overtaken, 1, 7)).await;
    // There is one lane: what comes after these has not come before.
    let last = world.new_id();
    world.publish(last, &ordered(last, 1, 1)).await;
    world.event::<PopcornPutAside>(last).await;
    assert_eq!(world.value::<i64>("snack_bar", BAGS).await, 99);
    assert_eq!(world.events_of::<PopcornPutBack>(first).await.len(), 1);
    assert_eq!(world.events::<PopcornPutBack>().await.len(), 1, "nobody hears of no bags");
    assert!(world.events_of::<PopcornPutAside>(overtaken).await.is_empty());
    world.close(0).await;
}
