//! Catalog sets the prices. Every checkout, by whatever API, pays the offered price.

use ballet::Clock;
use ballet::core::Entity as _;
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

/// Fills the copy anew, as an operator does.
async fn rebuild(shop: &Shop) {
    let asked = Rebuild::request(&mut shop.database("catalog").await, Product::NAME).await;
    let asked = asked.expect("asked").expect("a shared entity");
    let both = Mutex::new((shop.database("orders").await, shop.database("catalog").await));
    wait_until("a whole copy", SOON, || async {
        let (reader, owner) = &mut *both.lock().await;
        let progress = asked.clone().progress(reader, owner).await?;
        Ok::<_, sqlx::Error>(progress.is_done.then_some(()))
    })
    .await
    .expect("a copy");
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
        (yen, 409, other, "mug costs 1250 EUR and not 1250 JPY"),
        (
            line("vase", 1, 900),
            422,
            "#/lines/0/sku",
            "vase is withdrawn and can no longer be bought",
        ),
        (line("unicorn", 1, 1), 422, "#/lines/0/sku", "unknown SKU unicorn"),
    ]
}

#[tokio::test]
async fn t202_whoever_checks_out_pays_what_catalog_offers() {
    let mut shop = Shop::open("t202").await;
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
    t202_a_checkout_that_comes_late_has_the_prices_of_its_own_time(&mut shop).await;
    shop.close().await;
}

async fn t202_a_checkout_that_comes_late_has_the_prices_of_its_own_time(shop: &mut Shop) {
    // The prices of a fill are stored, too, because no event brings them.
    rebuild(shop).await;
    // Dates the mug's price back by an hour.
    let mut orders = shop.database("orders").await;
    let aged = "update offer set since = since - interval '1 hour'";
    orders.execute(aged).await.expect("aged");
    let key = shop.place_order(&mugs(1, "card_approved")).await;
    shop.order_is(&key, "completed").await;
    shop.reprice("mug", 1, 1_400).await;
    let late = dropped(shop, id_of(SignedDuration::from_mins(30)), &mugs(1, "card_approved")).await;
    shop.order_is(&late, "completed").await;
    let now = dropped(shop, id_of(SignedDuration::ZERO), &mugs(1, "card_approved")).await;
    let order = shop.order_is(&now, "cancelled").await;
    assert_eq!(order["detail"], "line 1: mug costs 1400 EUR and not 1250 EUR (in minor units)");
    // The sender saw the first version a moment ago.
    let mut seen = line("mug", 1, 1_250);
    seen["product_version"] = json!(1);
    let seen = dropped(shop, id_of(SignedDuration::ZERO), &of(&seen)).await;
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
}
