//! Orders that begin with a foreign program's message.

use std::time::Duration;

use ballet_stage::wait_until;
use serde_json::{Value, json};

use crate::shop::{CUSTOMER, Shop, line, mugs};

fn properties(order_id: &str) -> Value {
    json!({ "type": "cart.checked_out.v1", "message_id": order_id, "correlation_id": order_id,
        "content_type": "application/json" })
}

#[tokio::test]
async fn orders_are_listed_by_time_whatever_their_ids_are_and_no_checkout_takes_another() {
    let shop = Shop::open("bytime").await;
    let mut placed = Vec::new();
    for id in
        ["ffffffff-ffff-4fff-bfff-ffffffffffff", "", "00000000-0000-4000-8000-000000000001", ""]
    {
        let order_id = if id.is_empty() {
            shop.place_order(&mugs(1, "card_approved")).await
        } else {
            shop.drop_checkout(&properties(id), &mugs(1, "card_approved")).await;
            id.to_owned()
        };
        shop.order_is(&order_id, "completed").await;
        placed.insert(0, json!(order_id));
    }
    // Behind the gateway, the caller is a customer.
    let url = shop.url("orders");
    let of_customer = [("x-ballet-subject", CUSTOMER), ("x-ballet-scopes", "orders:read")];
    for (query, headers) in [
        ("", &[][..]),
        ("&status=completed", &[]),
        ("", &of_customer),
        ("&status=completed", &of_customer),
    ] {
        let (mut listed, mut after) = (Vec::new(), String::new());
        loop {
            let mut request = shop.client.get(format!("{url}/orders?limit=1{query}{after}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let page: Value = request.send().await.expect("an answer").json().await.expect("JSON");
            listed.extend(page["items"].as_array().expect("a list").iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let ids: Vec<Value> = listed.iter().map(|order| order["order_id"].clone()).collect();
        assert_eq!(ids, placed, "{query} {headers:?}");
    }
    let spoilt = shop.orders("?after=mug").await;
    assert_eq!((&spoilt["status"], &spoilt["errors"][0]["name"]), (&json!(400), &json!("after")));
    an_impossible_checkout_is_cancelled_at_once(&shop).await;
    a_checkout_neither_takes_nor_cancels_the_order_of_another(&shop).await;
    shop.is_sound().await;
    shop.close().await;
}

async fn an_impossible_checkout_is_cancelled_at_once(shop: &Shop) {
    let cases = [
        (json!([]), "there are 0 lines: an order has 1 to 100"),
        (json!([line("mug", 0, 1)]), "line 1 has quantity 0: it is 1 to 10000"),
    ];
    for ((lines, detail), number) in cases.into_iter().zip(1..) {
        let mut checkout = mugs(1, "card_approved");
        checkout["lines"] = lines;
        let order_id = format!("0193f7a0-0000-4000-8000-0000000000{number:02}");
        shop.drop_checkout(&properties(&order_id), &checkout).await;
        let order = shop.order_is(&order_id, "cancelled").await;
        assert_eq!((&order["reason"], &order["detail"]), (&json!("invalid"), &json!(detail)));
    }
}

async fn a_checkout_neither_takes_nor_cancels_the_order_of_another(shop: &Shop) {
    let order_id = shop.place_order(&mugs(1, "card_slow")).await;
    let mut impossible = mugs(1, "card_approved");
    impossible["lines"] = json!([]);
    for (checkout, message_id) in [(mugs(2, "card_approved"), "another"), (impossible, "wrong")] {
        let mut properties = properties(&order_id);
        properties["message_id"] = json!(message_id);
        shop.drop_checkout(&properties, &checkout).await;
        let management = shop.env.management();
        let dead = wait_until("the dead letter", Duration::from_secs(60), || async {
            let dead =
                management.take("orders.dead", 1).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(dead.into_iter().next())
        });
        let dead = dead.await.expect("a dead letter").to_string();
        assert!(dead.contains("has begun before"), "{dead}");
    }
    let order = shop.order_is(&order_id, "completed").await;
    assert_eq!(order["total"]["amount_minor"], 1250);
}
