//! The example of the README on a real broker and database.

use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, SagaId, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use serde_json::json;
use shop_events::orders::{CancelReason, OrderCancelled, OrderPlaced};
use shop_events::{CustomerId, OrderId};
use sqlx::{Connection, PgConnection};

const SOON: Duration = Duration::from_secs(60);

async fn publish<E: Event>(env: &TestEnv, context: &Clock, saga: SagaId, event: &E) {
    let properties = json!({
        "message_id": context.new_id(context.now()).to_string(), "type": E::TYPE.name(),
        "correlation_id": saga.to_string(), "content_type": "application/json",
    });
    let body = serde_json::to_string(event).expect("JSON");
    let routed = env.management().publish("events", E::TYPE.name(), &properties, &body).await;
    assert!(routed.expect("published"), "{} reaches nobody", E::TYPE);
}

async fn points(env: &TestEnv, customer: CustomerId) -> Option<i64> {
    let mut db = PgConnection::connect(env.database_url("loyalty")).await.expect("a database");
    sqlx::query_as("select points from account where customer_id = $1")
        .bind(customer.0)
        .fetch_optional(&mut db)
        .await
        .expect("an answer")
        .map(|(points,)| points)
}

async fn until_points(env: &TestEnv, customer: CustomerId, expected: i64) {
    wait_until("points", SOON, || async {
        match points(env, customer).await {
            Some(points) if points == expected => Ok(Some(())),
            other => Err(format!("{other:?} instead of {expected}")),
        }
    })
    .await
    .expect("points");
}

#[tokio::test]
async fn points_are_granted_and_taken_back_with_the_order() {
    let servers = Servers::shared().await.expect("servers");
    let system = System { name: "shop", parts: vec![loyalty::participant().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, "loyalty", &definitions, &["loyalty"])
        .await
        .expect("a test environment");
    let settings = Settings::new(env.amqp_url("loyalty"), env.database_url("loyalty"));
    let running = loyalty::service().start(settings).await.expect("started");

    let context = Clock::system();
    let now = context.now();
    let order_id = OrderId(context.new_id(now));
    let customer_id = CustomerId(context.new_id(now));
    let placed: OrderPlaced = serde_json::from_value(json!({
        "order_id": order_id, "customer_id": customer_id, "placed_at": now,
        "lines": [{"sku": "TEA-1", "quantity": 2, "unit_price": {"amount_minor": 1250, "currency": "EUR"}}],
        "total": {"amount_minor": 2500, "currency": "EUR"}, "card_token": "card_approved",
        "ship_to": {"name": "A", "street": "B 1", "postal_code": "1", "city": "C", "country": "DE"},
    }))
    .expect("an order");
    let saga = SagaId(order_id.0);
    publish(&env, &context, saga, &placed).await;
    until_points(&env, customer_id, 25).await;

    let reason = CancelReason::CustomerCancelled;
    let cancelled = OrderCancelled { order_id, reason, failed_step: None, detail: None };
    publish(&env, &context, saga, &cancelled).await;
    until_points(&env, customer_id, 0).await;

    running.stop().await;
    env.close().await.expect("closed");
}

#[test]
fn the_shop_with_loyalty_is_sound() {
    let mut system = shop::system();
    system.parts.push(loyalty::participant().part());
    ballet_testkit::assert_sound(&system);
}
