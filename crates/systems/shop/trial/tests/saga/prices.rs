//! Catalog sets the prices. Every checkout, by whatever API, pays the offered price.

use ballet::Clock;
use ballet::core::Entity as _;
use ballet_ops::audit::Report;
use ballet_stage::wait_until;
use ballet_store::copies::rebuild::Rebuild;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shop_events::catalog::Product;
use sqlx::Executor;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::shop::{SOON, Shop, line, mugs};

fn of(line: &Value) -> Value {
    let mut checkout = mugs(1, "card_approved");
    checkout["lines"] = json!([line]);
    checkout
}

fn id_of(ago: SignedDuration) -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now() - ago)
}

/// Publishes on the exchange. Returns the order's id.
async fn dropped(shop: &Shop, id: Uuid, checkout: &Value) -> String {
    let properties = json!({ "type": "cart.checked_out.v1", "message_id": id,
        "correlation_id": id, "app_id": "storefront", "content_type": "application/json" });
    shop.drop_checkout(&properties, checkout).await;
    id.to_string()
}

/// Sets catalog back to the time when the mug was published.
const SET_BACK: &str = "
    begin;
    alter table product disable trigger product_notes_price;
    update product set version = 1, price_minor = 1250, changed_at = published_at where sku = 'mug';
    alter table product enable trigger product_notes_price;
    delete from product_price where sku = 'mug' and version > 1;
    update product_price set until = null where sku = 'mug';
    commit";

/// Rebuilds the copies of catalog's readers, as an operator does.
async fn rebuild(shop: &Shop, and_empty: bool) {
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

async fn order_status(shop: &Shop, amount_minor: i64) -> StatusCode {
    shop.place(&of(&line("mug", 1, amount_minor))).await.status()
}

/// Publishes an event from before catalog was set back, which the copy no longer accepts.
async fn comes_late(shop: &Shop, product: &Value) {
    let id = id_of(SignedDuration::from_hours(1));
    let properties = json!({ "type": "catalog.product_price_changed.v1", "message_id": id,
        "app_id": "catalog", "content_type": "application/json" });
    let (key, body) = ("catalog.product_price_changed.v1", product.to_string());
    let published = shop.env.management().publish("events", key, &properties, &body).await;
    published.expect("published");
    let handled = format!("select count(*) > 0 from ballet.inbox where message_id = '{id}'");
    shop.until("orders", &handled, true).await;
}

/// Prices that were never offered, and the answers.
fn wrong_lines() -> Vec<(Value, u16, &'static str, &'static str)> {
    let mut yen = line("mug", 1, 1_250);
    yen["unit_price"]["currency"] = json!("JPY");
    let other = "#/lines/0/unit_price";
    vec![
        (
            line("mug", 1, 1),
            409,
            other,
            "line 1: mug costs 1250 EUR and not 1 EUR (in minor units)",
        ),
        (line("mug", 1, 0), 409, other, "mug costs 1250 EUR and not 0 EUR"),
        (
            line("mug", 1, i64::MAX),
            409,
            other,
            "mug costs 1250 EUR and not 9223372036854775807 EUR",
        ),
        (yen, 409, other, "mug costs 1250 EUR and not 1250 JPY"),
        (
            line("vase", 1, 900),
            422,
            "#/lines/0/sku",
            "vase is withdrawn and can no longer be bought",
        ),
        (line("vase", 1, 1), 422, "#/lines/0/sku", "vase is withdrawn and can no longer be bought"),
        (line("unicorn", 1, 1), 422, "#/lines/0/sku", "unknown SKU unicorn"),
    ]
}

#[tokio::test]
async fn t202_whoever_checks_out_pays_what_catalog_offers() {
    let shop = Shop::open("t202").await;
    shop.offer("vase", 900).await;
    let vase = shop.client.delete(format!("{}/products/vase", shop.url("catalog")));
    let gone = vase.header("If-Match", "\"1\"").send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    shop.wait_until_known("vase", 2).await;
    for (line, status, pointer, words) in wrong_lines() {
        let refused = shop.place(&of(&line)).await;
        assert_eq!(refused.status(), status, "{line}");
        let problem: Value = refused.json().await.expect("JSON");
        assert!(problem["detail"].as_str().expect("text").contains(words), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(shop.orders("").await["items"], json!([]));
    for (line, _, _, words) in wrong_lines() {
        let order_id = dropped(&shop, id_of(SignedDuration::ZERO), &of(&line)).await;
        let order = shop.order_is(&order_id, "cancelled").await;
        assert_eq!(
            (&order["reason"], &order["failed_step"]),
            (&json!("invalid"), &json!("accept_checkout"))
        );
        assert!(order["detail"].as_str().expect("text").contains(words), "{order}");
    }
    let fine = dropped(&shop, id_of(SignedDuration::ZERO), &of(&line("mug", 1, 1_250))).await;
    shop.order_is(&fine, "completed").await;
    let report = shop.is_sound().await;
    assert_eq!(report.unseen, [""; 0], "the prices are seen");
    // The audit uses catalog's own notes, not those of orders.
    let mut catalog = shop.database("catalog").await;
    catalog
        .execute("update product_price set price_minor = 9900 where sku = 'mug'")
        .await
        .expect("done");
    let Report { violations, .. } = shop.audit().await.expect("a report");
    let expected = format!("order {fine} was sold mug for 1250 EUR, which catalog did not offer");
    assert!(violations.len() == 1 && violations[0].starts_with(&expected), "{violations:?}");
    shop.close().await;
}

#[tokio::test]
async fn t202_a_checkout_that_comes_late_has_the_prices_of_its_own_time() {
    let mut shop = Shop::open("t202late").await;
    // The prices of a fill are stored, too, because no event brings them.
    rebuild(&shop, false).await;
    // Dates the mug's price back by an hour, in orders and in catalog.
    let mut orders = shop.database("orders").await;
    let aged = "update offer set since = since - interval '1 hour'";
    orders.execute(aged).await.expect("aged");
    let mut catalog = shop.database("catalog").await;
    let aged = "update product_price set since = since - interval '1 hour'";
    catalog.execute(aged).await.expect("aged");
    let key = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&key, "completed").await;
    shop.reprice("mug", 1, 1_400).await;
    let late =
        dropped(&shop, id_of(SignedDuration::from_mins(30)), &mugs(1, "card_approved")).await;
    shop.order_is(&late, "completed").await;
    let now = dropped(&shop, id_of(SignedDuration::ZERO), &mugs(1, "card_approved")).await;
    let order = shop.order_is(&now, "cancelled").await;
    assert_eq!(order["detail"], "line 1: mug costs 1400 EUR and not 1250 EUR (in minor units)");
    // The sender saw the first version a moment ago.
    let mut seen = line("mug", 1, 1_250);
    seen["product_version"] = json!(1);
    let seen = dropped(&shop, id_of(SignedDuration::ZERO), &of(&seen)).await;
    shop.order_is(&seen, "completed").await;
    shop.is_sound().await;

    // What was captured is what the order costs.
    shop.stop("payments").await;
    let order_id = shop.place_order(&of(&line("mug", 1, 1_400))).await;
    let captured =
        json!({ "order_id": order_id, "amount": { "amount_minor": 1, "currency": "EUR" } });
    let properties = json!({ "type": "payments.payment_captured.v1", "message_id": id_of(SignedDuration::ZERO),
        "correlation_id": order_id, "app_id": "payments", "content_type": "application/json" });
    let management = shop.env.management();
    let key = "payments.payment_captured.v1";
    management.publish("events", key, &properties, &captured.to_string()).await.expect("published");
    let dead = wait_until("the dead letter", SOON, || async {
        let dead = management.take("orders.dead", 1).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(dead.into_iter().next())
    });
    let dead = dead.await.expect("a dead letter").to_string();
    assert!(dead.contains("does not cost 1 EUR"), "{dead}");
    assert_eq!(shop.order(&order_id).await["status"], "placed");
    shop.close().await;
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
