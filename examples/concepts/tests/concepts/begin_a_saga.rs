//! Tests of the example `begin_a_saga`.

use concepts::begin_a_saga;
use concepts::ticket_order::{
    CardCharged, OrderCancelled, OrderConfirmed, SoldOut, TicketsOrdered,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, id};

fn wish(seats: u16) -> Value {
    json!({ "guest": "Ada", "show": "matinee", "seats": seats, "popcorn": 1, "card": "card_good" })
}

#[tokio::test]
async fn a_request_writes_a_row_and_begins_a_saga_that_ends_with_what_comes_first() {
    let world = World::new("begin", vec![begin_a_saga::service()]).await;
    let status =
        |order_id| format!("select status from ticket_order where order_id = '{order_id}'");

    let paid = id(world.post("box_office", "/orders", &wish(2)).await);
    let ordered: TicketsOrdered = world.event(paid).await;
    assert_eq!((ordered.order_id, ordered.seats, ordered.price_cents), (paid, 2, 2_400));
    assert_eq!(world.value::<String>("box_office", &status(paid)).await, "open");
    world.publish(paid, &CardCharged { order_id: paid, price_cents: 2_400 }).await;
    let confirmed: OrderConfirmed = world.event(paid).await;
    assert_eq!((confirmed.guest.as_str(), confirmed.seats), ("Ada", 2));

    let refused = id(world.post("box_office", "/orders", &wish(1)).await);
    world.publish(refused, &SoldOut { order_id: refused }).await;
    let cancelled: OrderCancelled = world.event(refused).await;
    assert_eq!(cancelled.reason, "sold out");

    // Both are decided: what comes now is too late.
    world.publish(paid, &SoldOut { order_id: paid }).await;
    world.publish(refused, &CardCharged { order_id: refused, price_cents: 1_200 }).await;
    // There is one lane: what comes after these has not come before.
    let last = id(world.post("box_office", "/orders", &wish(1)).await);
    world.publish(last, &CardCharged { order_id: last, price_cents: 1_200 }).await;
    world.event::<OrderConfirmed>(last).await;
    assert_eq!(world.value::<String>("box_office", &status(paid)).await, "confirmed");
    assert_eq!(world.value::<String>("box_office", &status(refused)).await, "cancelled");
    assert_eq!(world.events::<OrderCancelled>().await.len(), 1);
    assert_eq!(world.events::<OrderConfirmed>().await.len(), 2);
    world.close(0).await;
}

#[tokio::test]
async fn a_request_that_makes_no_sense_begins_nothing_and_its_answer_names_the_field() {
    let world = World::new("no_sense", vec![begin_a_saga::service()]).await;
    let (status, problem) = world.post("box_office", "/orders", &wish(11)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["detail"], "an order is for 1 to 10 seats");
    assert_eq!(problem["errors"][0]["pointer"], "#/seats");
    assert_eq!(world.value::<i64>("box_office", "select count(*) from ticket_order").await, 0);
    assert!(world.events::<TicketsOrdered>().await.is_empty());
    world.close(0).await;
}
