//! Catalog sets the prices. Every checkout, by whatever API, pays the offered price.

use ballet::Clock;
use ballet_ops::audit::Report;
use ballet_stage::wait_until;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

use crate::copied_prices::rebuild;
use crate::shop::{SOON, Shop, ShopOptions, USUAL, line, mugs};

/// Returns a checkout of this line.
pub(crate) fn of(line: &Value) -> Value {
    let mut checkout = mugs(1, "card_approved");
    checkout["lines"] = json!([line]);
    checkout
}

/// Returns an id with a time this long ago.
pub(crate) fn id_of(ago: SignedDuration) -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now() - ago)
}

/// Publishes a checkout on the exchange. Returns the order's id.
pub(crate) async fn dropped(shop: &Shop, id: Uuid, checkout: &Value) -> String {
    let properties = json!({ "type": "cart.checked_out.v1", "message_id": id,
        "correlation_id": id, "app_id": "storefront", "content_type": "application/json" });
    shop.drop_checkout(&properties, checkout).await;
    id.to_string()
}

/// Returns lines with prices that were never offered, and the answers to them.
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
    let shop = Shop::open("t202late").await;
    // The prices of a fill are stored, too: no event brings them afterwards.
    rebuild(&shop, false).await;
    // Dates the price of the mug back by an hour, in orders and in catalog.
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
    shop.close().await;
}

#[tokio::test]
async fn t202_a_request_that_comes_again_gets_its_order_whatever_the_price_is_now() {
    let shop = Shop::open("t202again").await;
    let place = || async {
        let request = shop.client.post(format!("{}/orders", shop.url("orders")));
        let request = request.header("Idempotency-Key", "once").json(&mugs(1, "card_approved"));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().await.expect("JSON")
    };
    let first = place().await;
    shop.reprice("mug", 1, 1_400).await;
    assert_eq!(place().await, first);
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn t202_a_product_that_orders_has_not_heard_of_is_waited_for() {
    let shop = Shop::open("t202new").await;
    let mut bowl = line("pen", 1, 250);
    bowl["product_version"] = json!(2);
    let over_http = shop.place(&of(&bowl)).await;
    assert_eq!(over_http.status(), StatusCode::CONFLICT);
    let order_id = dropped(&shop, id_of(SignedDuration::ZERO), &of(&bowl)).await;
    let waits = format!("select count(*) > 0 from ballet.failure where saga_id = '{order_id}'");
    shop.until("orders", &waits).await;
    shop.reprice("pen", 1, 250).await;
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn t202_what_was_captured_is_what_the_order_costs() {
    let without = &["cart", "payments", "recommendations"];
    let shop = Shop::with("t202paid", ShopOptions { without, ..USUAL }).await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
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
async fn t216_a_body_of_another_shape_is_refused_with_its_path() {
    let mut shop = Shop::asleep("t216", USUAL).await;
    for name in ["inventory", "orders"] {
        shop.start(name).await;
    }
    shop.receive_goods("mug", 10).await;
    let receive = format!("{}/stock/mug/receive", shop.url("inventory"));
    let mut typo = mugs(1, "card_approved");
    typo["lines"][0]["quantiti"] = json!(7);
    let orders = format!("{}/orders", shop.url("orders"));
    for (url, body, pointer) in [
        (&receive, r#"{"receipt":"note-2","quantity":1,"quantity":1000}"#.to_owned(), "#/quantity"),
        (&receive, r#"{"receipt":"note-2","quantity":1,"amount":1000}"#.to_owned(), "#/amount"),
        (&orders, typo.to_string(), "#/lines/0/quantiti"),
    ] {
        let request = shop.client.post(url).header("content-type", "application/json");
        let refused = request.body(body.clone()).send().await.expect("an answer");
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let problem: Value = refused.json().await.expect("JSON");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(shop.stock("mug").await["on_hand"], 10);
    assert_eq!(shop.orders("").await["items"], json!([]));
    shop.close().await;
}
