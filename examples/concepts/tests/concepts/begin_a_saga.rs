//! Tests of the example `begin_a_saga`.

use ballet_testkit::TestSystem;
use concepts::begin_a_saga;
use concepts::ticket_order::{
    CardCharged, OrderCancelled, OrderConfirmed, SoldOut, TicketsOrdered,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::answers::id;

fn wish(seats: u16) -> Value {
    json!({ "guest": "Ada", "show": "matinee", "seats": seats, "popcorn": 1, "card": "card_good" })
}

#[tokio::test]
async fn a_request_writes_a_row_and_begins_a_saga_that_ends_with_what_comes_first() {
    let system = TestSystem::new("begin", vec![begin_a_saga::service()]).await;
    let status =
        |order_id| format!("select status from ticket_order where order_id = '{order_id}'");

    let paid = id(system.post("box_office", "/orders", &wish(2)).await);
    let ordered: TicketsOrdered = system.event(paid).await;
    assert_eq!((ordered.order_id, ordered.seats, ordered.price_cents), (paid, 2, 2_400));
    assert_eq!(system.value::<String>("box_office", &status(paid)).await, "open");
    system.publish(paid, &CardCharged { order_id: paid, price_cents: 2_400 }).await;
    let confirmed: OrderConfirmed = system.event(paid).await;
    assert_eq!((confirmed.guest.as_str(), confirmed.seats), ("Ada", 2));

    let refused = id(system.post("box_office", "/orders", &wish(1)).await);
    system.publish(refused, &SoldOut { order_id: refused }).await;
    let cancelled: OrderCancelled = system.event(refused).await;
    assert_eq!(cancelled.reason, "sold out");

    system.publish(paid, &SoldOut { order_id: paid }).await;
    system.publish(refused, &CardCharged { order_id: refused, price_cents: 1_200 }).await;
    // There is one lane, so what comes later has not come before.
    let last = id(system.post("box_office", "/orders", &wish(1)).await);
    system.publish(last, &CardCharged { order_id: last, price_cents: 1_200 }).await;
    system.event::<OrderConfirmed>(last).await;
    assert_eq!(system.value::<String>("box_office", &status(paid)).await, "confirmed");
    assert_eq!(system.value::<String>("box_office", &status(refused)).await, "cancelled");
    assert_eq!(system.all_events::<OrderCancelled>().await.len(), 1);
    assert_eq!(system.all_events::<OrderConfirmed>().await.len(), 2);
    system.close(0).await;
}

#[tokio::test]
async fn a_request_that_makes_no_sense_begins_nothing_and_its_answer_names_the_field() {
    let system = TestSystem::new("no_sense", vec![begin_a_saga::service()]).await;
    let (status, problem) = system.post("box_office", "/orders", &wish(11)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["detail"], "an order is for 1 to 10 seats");
    assert_eq!(problem["errors"][0]["pointer"], "#/seats");
    assert_eq!(system.value::<i64>("box_office", "select count(*) from ticket_order").await, 0);
    assert!(system.all_events::<TicketsOrdered>().await.is_empty());
    system.close(0).await;
}
