//! The example of the README on a real broker and database.

#[path = "../src/main.rs"]
mod loyalty;

use ballet::Clock;
use ballet_testkit::TestSystem;
use serde_json::json;
use shop_events::orders::{CancelReason, OrderCancelled, OrderPlaced};
use shop_events::{CustomerId, OrderId};

use crate::loyalty::Loyalty;

#[tokio::test]
async fn points_are_granted_and_taken_back_with_the_order() {
    let system = TestSystem::new("loyalty", vec![Loyalty::service()]).await;
    let (order_id, customer_id) = (OrderId(system.new_id()), CustomerId(system.new_id()));
    let placed: OrderPlaced = serde_json::from_value(json!({
        "order_id": order_id, "customer_id": customer_id, "placed_at": Clock::system().now(),
        "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": {"amount_minor": 1250, "currency": "EUR"}}],
        "total": {"amount_minor": 2500, "currency": "EUR"}, "card_token": "card_approved",
        "ship_to": {"name": "A", "street": "B 1", "postal_code": "1", "city": "C", "country": "DE"},
    }))
    .expect("an order");
    let points = format!("select points from account where customer_id = '{customer_id}'");
    system.publish(order_id.0, &placed).await;
    system.until("loyalty", &points, 25).await;

    let reason = CancelReason::CustomerCancelled;
    let cancelled = OrderCancelled { order_id, reason, failed_step: None, detail: None };
    system.publish(order_id.0, &cancelled).await;
    system.until("loyalty", &points, 0).await;
    system.close(0).await;
}

#[test]
fn the_shop_with_loyalty_is_sound() {
    let mut system = shop::system();
    system.parts.push(Loyalty::participant().part());
    ballet_testkit::assert_sound(&system);
}
