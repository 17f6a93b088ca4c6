//! F13 and F14: failed work is retried and listed as stuck, with the reason, and done once the cause is gone. After
//! the pivot nothing is aborted because of it.

use std::time::Duration;

use ballet::{Clock, Event, EventType, SagaId};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck::{self, StuckEntry, StuckKind};
use reqwest::StatusCode;
use serde_json::json;
use shop_events::inventory::StockCommitted;
use shop_events::orders::{OrderCancelled, OrderConfirmed};
use shop_events::shipping::{ShipmentDelivered, ShipmentScheduled};
use shop_events::{Money, OrderId, ShipmentId};
use sqlx::{AssertSqlSafe, Executor};

use crate::shop::{FOR_ORDERS, SOON, Shop, mugs};

/// Forbids every reservation to change to this state.
async fn forbid(shop: &Shop, state: &str) {
    let trigger = format!(
        "create or replace function forbid() returns trigger language plpgsql as
             $$ begin raise exception 'the warehouse is locked'; end $$;
         create trigger forbid before update on reservation for each row
             when (new.state = '{state}') execute function forbid()"
    );
    let mut db = shop.database("inventory").await;
    db.execute(sqlx::raw_sql(AssertSqlSafe(trigger))).await.expect("forbidden");
}

async fn allow(shop: &Shop) {
    let mut db = shop.database("inventory").await;
    db.execute("drop trigger forbid on reservation").await.expect("allowed");
}

async fn list_stuck(shop: &Shop, service: &str) -> sqlx::Result<Vec<StuckEntry>> {
    let url = shop.env.database_url(service);
    let mut db = shop.looks.session(url).await?;
    let stuck = stuck::list(&mut db, 100).await?;
    shop.looks.keep(url, db);
    Ok(stuck)
}

/// Returns the stuck work of inventory.
async fn stuck(shop: &Shop) -> Vec<StuckEntry> {
    list_stuck(shop, "inventory").await.expect("a list")
}

/// Waits until inventory lists the order as stuck in a handler, because of an event.
async fn is_stuck(shop: &Shop, order_id: &str, on: EventType, handler: &str) {
    let stuck = wait_until("the order to be stuck", SOON, || async {
        Ok::<_, String>(stuck(shop).await.pop())
    });
    let stuck = stuck.await.expect("a stuck order");
    assert_eq!(stuck.saga_id.map(|saga| saga.to_string()).as_deref(), Some(order_id));
    let StuckKind::Message { event_type, .. } = &stuck.what else { panic!("{stuck:?} is a call") };
    assert_eq!((event_type.as_str(), stuck.handler.as_str()), (on.name(), handler));
    assert!(stuck.detail.contains("the warehouse is locked"), "{stuck:?}");
    // Three attempts at once; a later one may have come since.
    assert!(stuck.reason == "failed" && stuck.attempts >= 3, "{stuck:?}");
    assert!(stuck.next_at.is_some_and(|next| next > stuck.since), "{stuck:?} is tried again");
}

/// F13: the stock cannot be released for a while.
pub(crate) async fn compensation_fails(shop: &mut Shop) {
    let before = shop.stock("mug").await["on_hand"].as_u64().expect("a number");
    forbid(shop, "released").await;
    let order_id = shop.place_order(&mugs(2, "card_declined")).await;
    is_stuck(shop, &order_id, OrderCancelled::TYPE, "abort").await;
    shop.order_is(&order_id, "cancelled").await;
    assert_eq!(shop.stock("mug").await["held"], 2, "not released yet");
    // Other orders are not held up.
    let other = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&other, "completed").await;
    allow(shop).await;
    shop.is_sound().await;
    let mugs = shop.stock("mug").await;
    assert_eq!((&mugs["on_hand"], &mugs["held"]), (&json!(before - 1), &json!(0)));
    assert_eq!(stuck(shop).await, [], "nothing is stuck any more");
    assert_eq!(shop.dead_letters().await, 0);
}

#[tokio::test]
async fn f13_a_compensation_that_fails_is_stuck_and_done_when_the_cause_is_gone() {
    let mut shop = Shop::open("f13").await;
    compensation_fails(&mut shop).await;
    shop.close().await;
}

/// F14: the stock cannot be committed for a while.
pub(crate) async fn failure_after_the_pivot(shop: &mut Shop) {
    // Unlike a compensation it is given up in the end, and a busy machine has to see it waiting before that.
    shop.retries_take(Duration::from_secs(3)).await;
    forbid(shop, "committed").await;
    let order_id = shop.place_order(&mugs(2, "card_approved")).await;
    is_stuck(shop, &order_id, OrderConfirmed::TYPE, "commit_stock").await;
    shop.order_is(&order_id, "confirmed").await;
    assert_eq!(shop.cancel(&order_id).await.status(), StatusCode::CONFLICT);
    allow(shop).await;
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    assert_eq!(stuck(shop).await, [], "nothing is stuck any more");
}

#[tokio::test]
async fn f14_a_failure_after_the_pivot_is_tried_again_and_aborts_nothing() {
    let mut shop = Shop::open("f14").await;
    failure_after_the_pivot(&mut shop).await;
    shop.close().await;
}

/// Publishes an event of a service without its earlier events.
async fn overtakes<E: Event>(shop: &Shop, saga: SagaId, event: &E) {
    let message_id = Clock::system().new_id(Clock::system().now());
    let properties = json!({
        "message_id": message_id,
        "correlation_id": saga,
        "app_id": E::TYPE.service(),
        "content_type": "application/json",
    });
    let body = serde_json::to_string(event).expect("JSON");
    let published =
        shop.env.management().publish("events", E::TYPE.name(), &properties, &body).await;
    published.expect("published");
}

/// Waits until a service lists the reason why a message is not handled.
async fn reason(shop: &Shop, service: &str) -> (String, u32) {
    let listed = wait_until("a message to wait", SOON, || async {
        Ok::<_, sqlx::Error>(list_stuck(shop, service).await?.into_iter().next())
    });
    let stuck = listed.await.expect("a message that waits");
    (stuck.reason, stuck.attempts)
}

#[tokio::test]
async fn an_event_that_overtakes_its_cause_waits_and_does_not_count_as_failed() {
    let mut shop = Shop::with("overtaken", FOR_ORDERS).await;
    // Nothing is retried here.
    shop.retries_take(Duration::from_secs(3600)).await;
    let clock = Clock::system();
    let saga = SagaId(clock.new_id(clock.now()));
    let (order_id, shipment_id) = (OrderId(saga.0), ShipmentId(saga.0));
    overtakes(&shop, saga, &ShipmentScheduled { order_id, shipment_id }).await;
    assert_eq!(reason(&shop, "payments").await, ("not_yet".to_owned(), 1));
    let total = Money { amount_minor: 100, currency: "EUR".parse().expect("a currency") };
    overtakes(&shop, saga, &OrderConfirmed { order_id, total }).await;
    assert_eq!(reason(&shop, "shipping").await, ("not_yet".to_owned(), 1));
    // After a restore, orders may get the end again before the decision.
    shop.stop("payments").await;
    let placed = shop.place_order(&mugs(1, "card_approved")).await;
    let saga = SagaId(placed.parse().expect("an id"));
    let (order_id, delivered_at) = (OrderId(saga.0), clock.now());
    overtakes(&shop, saga, &StockCommitted { order_id, lines: Vec::new() }).await;
    overtakes(&shop, saga, &ShipmentDelivered { order_id, shipment_id, delivered_at }).await;
    assert_eq!(reason(&shop, "orders").await, ("not_yet".to_owned(), 1));
    shop.close().await;
}
