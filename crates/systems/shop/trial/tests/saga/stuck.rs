//! F13 and F14: failed work is retried, listed as stuck with its reason, and done once the cause is gone. It aborts
//! nothing after the pivot.

use std::time::Duration;

use ballet::{Event, EventType};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck::{self, StuckEntry, StuckKind};
use reqwest::StatusCode;
use serde_json::json;
use shop_events::orders::{OrderCancelled, OrderConfirmed};
use sqlx::{AssertSqlSafe, Executor};

use crate::shop::{SOON, Shop, mugs};

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

async fn stuck(shop: &Shop) -> Vec<StuckEntry> {
    stuck::list(&mut shop.database("inventory").await, 100).await.expect("a list")
}

/// Waits until inventory lists the order as stuck in a handler.
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
#[tokio::test]
async fn f13_f14_what_fails_is_stuck_and_done_when_the_cause_is_gone_and_after_the_pivot_aborts_nothing()
 {
    let shop = Shop::open("f13").await;
    let before = shop.stock("mug").await["on_hand"].as_u64().expect("a number");
    forbid(&shop, "released").await;
    let order_id = shop.place_order(&mugs(2, "card_declined")).await;
    is_stuck(&shop, &order_id, OrderCancelled::TYPE, "abort").await;
    shop.order_is(&order_id, "cancelled").await;
    assert_eq!(shop.stock("mug").await["held"], 2, "not released yet");
    let other = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&other, "completed").await;
    allow(&shop).await;
    shop.is_sound().await;
    let mugs = shop.stock("mug").await;
    assert_eq!((&mugs["on_hand"], &mugs["held"]), (&json!(before - 1), &json!(0)));
    assert_eq!(stuck(&shop).await, [], "nothing is stuck any more");
    assert!(shop.dead_letters(0).await.is_empty());
    is_tried_again_after_the_pivot(&shop).await;
    shop.close().await;
}

/// F14: the stock cannot be committed for a while.
async fn is_tried_again_after_the_pivot(shop: &Shop) {
    // A step is given up in the end, unlike a compensation. A busy machine has to see it waiting before that.
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
