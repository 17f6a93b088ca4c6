//! The prices in orders come from a copy, which may be rebuilt, and catalog may be set back.

use ballet::core::Entity as _;
use ballet_stage::wait_until;
use ballet_store::copies::rebuild::Rebuild;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shop_events::catalog::Product;
use sqlx::Executor;
use tokio::sync::Mutex;

use crate::prices::{dropped, id_of, of};
use crate::shop::{SOON, Shop, line, mugs};

/// Sets catalog back to the time when the mug was published.
const SET_BACK: &str = "
    begin;
    alter table product disable trigger product_notes_price;
    update product set version = 1, price_minor = 1250, changed_at = published_at where sku = 'mug';
    alter table product enable trigger product_notes_price;
    delete from product_price where sku = 'mug' and version > 1;
    update product_price set until = null where sku = 'mug';
    commit";
/// Dates the mug's publication back by an hour.
const AGED: &str = "
    begin;
    update product_price set since = since - interval '1 hour';
    update product set published_at = published_at - interval '1 hour',
        changed_at = changed_at - interval '1 hour';
    commit";
/// Changes whose events are lost.
const NEW_PRICE: &str = "update product set version = version + 1, price_minor = 1300, \
    changed_at = now() where sku = 'mug'";
const WITHDRAWAL: &str = "update product set version = version + 1, withdrawn_at = now(), \
    changed_at = now() where sku = 'mug'";
/// The migration of orders that stores the offers of its copy.
const OFFER_OF_COPY: &str =
    include_str!("../../../../../../migrations/orders/0006_offer_of_copy.sql");

/// Rebuilds the copies of catalog's readers, as an operator does.
pub(crate) async fn rebuild(shop: &Shop, and_empty: bool) {
    let readers = ["orders", "cart", "recommendations"];
    for reader in readers.iter().filter(|_| and_empty) {
        let emptied = Rebuild::empty(&mut shop.database(reader).await, Product::NAME).await;
        emptied.expect("empty");
    }
    let asked = Rebuild::request(&mut shop.database("catalog").await, Product::NAME).await;
    let asked = asked.expect("asked").expect("a shared entity");
    for reader in readers {
        let both = (shop.database(reader).await, shop.database("catalog").await);
        let both = Mutex::new(both);
        wait_until("a whole copy", SOON, || async {
            let (reader, owner) = &mut *both.lock().await;
            let progress = asked.clone().progress(reader, owner).await?;
            Ok::<_, sqlx::Error>(progress.is_done.then_some(()))
        })
        .await
        .expect("a copy");
    }
}

async fn set(shop: &Shop, service: &str, sql: &'static str) {
    shop.database(service).await.execute(sql).await.expect("done");
}

/// Returns the status of an order for a mug at this price.
async fn order_status(shop: &Shop, amount_minor: i64) -> StatusCode {
    shop.place(&of(&line("mug", 1, amount_minor))).await.status()
}

/// Publishes an event again that catalog sent before it was set back. The copy no longer accepts it.
async fn comes_late(shop: &Shop, product: &Value) {
    let id = id_of(SignedDuration::from_hours(1));
    let properties = json!({ "type": "catalog.product_price_changed.v1", "message_id": id,
        "app_id": "catalog", "content_type": "application/json" });
    let (key, body) = ("catalog.product_price_changed.v1", product.to_string());
    let published = shop.env.management().publish("events", key, &properties, &body).await;
    published.expect("published");
    let handled = format!("select count(*) > 0 from ballet.inbox where message_id = '{id}'");
    shop.until("orders", &handled).await;
}

#[tokio::test]
async fn t202_a_price_that_catalog_lost_with_a_restore_counts_no_more() {
    let shop = Shop::open("t202lost").await;
    shop.reprice("mug", 1, 100).await;
    let lost = shop.client.get(format!("{}/products/mug", shop.url("catalog"))).send().await;
    let lost: Value = lost.expect("an answer").json().await.expect("JSON");
    set(&shop, "catalog", SET_BACK).await;
    rebuild(&shop, true).await;
    assert_eq!(order_status(&shop, 100).await, StatusCode::CONFLICT);
    comes_late(&shop, &lost).await;
    assert_eq!(order_status(&shop, 100).await, StatusCode::CONFLICT);

    // The next price gets the version of the lost one.
    shop.reprice("mug", 1, 1_300).await;
    comes_late(&shop, &lost).await;
    assert_eq!(order_status(&shop, 100).await, StatusCode::CONFLICT);
    assert_eq!(order_status(&shop, 1_250).await, StatusCode::CONFLICT);
    let order_id = shop.place_order(&of(&line("mug", 1, 1_300))).await;
    shop.order_is(&order_id, "completed").await;
    shop.reprice("mug", 2, 1_400).await;
    let mut seen = line("mug", 1, 100);
    seen["product_version"] = json!(2);
    let order_id = dropped(&shop, id_of(SignedDuration::ZERO), &of(&seen)).await;
    assert_eq!(shop.order_is(&order_id, "cancelled").await["reason"], "invalid");
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn t202_a_price_ends_also_if_only_a_rebuild_brings_what_came_after_it() {
    let shop = Shop::open("t202rebuilt").await;
    set(&shop, "catalog", NEW_PRICE).await;
    rebuild(&shop, false).await;
    assert_eq!(order_status(&shop, 1_250).await, StatusCode::CONFLICT);
    let order_id = shop.place_order(&of(&line("mug", 1, 1_300))).await;
    shop.order_is(&order_id, "completed").await;
    set(&shop, "catalog", WITHDRAWAL).await;
    rebuild(&shop, false).await;
    for price in [1_250, 1_300] {
        assert_eq!(order_status(&shop, price).await, StatusCode::UNPROCESSABLE_ENTITY, "{price}");
    }
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn t202_a_price_that_only_a_fill_brought_counts_for_a_checkout_of_its_time() {
    let shop = Shop::open("t202filled").await;
    set(&shop, "catalog", AGED).await;
    // A new database, which has only the data that the copy is filled with.
    set(&shop, "orders", "delete from offer").await;
    rebuild(&shop, true).await;
    shop.reprice("mug", 1, 1_400).await;
    let checkout = mugs(1, "card_approved");
    let late = dropped(&shop, id_of(SignedDuration::from_mins(30)), &checkout).await;
    shop.order_is(&late, "completed").await;
    let now = dropped(&shop, id_of(SignedDuration::ZERO), &checkout).await;
    shop.order_is(&now, "cancelled").await;

    // A fill by the release before, which stored no offers. The next price comes by a fill, too.
    set(&shop, "catalog", AGED).await;
    rebuild(&shop, false).await;
    set(&shop, "orders", "delete from offer").await;
    set(&shop, "orders", OFFER_OF_COPY).await;
    set(&shop, "catalog", NEW_PRICE).await;
    rebuild(&shop, false).await;
    let checkout = of(&line("mug", 1, 1_400));
    let late = dropped(&shop, id_of(SignedDuration::from_mins(30)), &checkout).await;
    shop.order_is(&late, "completed").await;
    shop.is_sound().await;
    shop.close().await;
}
