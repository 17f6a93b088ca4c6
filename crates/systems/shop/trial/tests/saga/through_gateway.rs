//! Orders as a customer sees them, who knows only the gateway.

use serde_json::{Value, json};
use sqlx::Connection;

use crate::shop::{Shop, ShopOptions, USUAL, mugs};
use crate::watching::{Watch, changes};

#[tokio::test]
async fn a_customer_watches_an_order_and_reads_every_refusal_in_a_sentence() {
    let shop = Shop::with("gw_watch", ShopOptions { gateway: true, ..USUAL }).await;
    let door = shop.door("orders").to_owned();
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let watch = Watch::begin(&shop, &door, &order_id, None).await;
    provider.close().await.expect("it answers");
    let all = [("1", "placed"), ("2", "confirmed"), ("3", "completed")];
    assert_eq!(watch.rest().await, changes(&all));
    let watch = Watch::begin(&shop, &door, &order_id, Some("2")).await;
    assert_eq!(watch.rest().await, changes(&all[2..]));
    let page: Value = get(&shop, &format!("/pages/order/{order_id}")).await;
    assert_eq!(page["missing"], json!([]));
    assert_eq!(
        (&page["order"]["status"], &page["payment"]["state"], &page["shipment"]["state"]),
        (&json!("completed"), &json!("captured"), &json!("delivered"))
    );
    let unknown = "0193f7a0-0000-7000-8000-000000000000";
    let late: Value = shop.cancel(&order_id).await.json().await.expect("JSON");
    let nothing: Value = shop.place(&json!({})).await.json().await.expect("JSON");
    for (problem, status, sentence) in [
        (late, 409, "is paid and can no longer be cancelled"),
        (nothing, 422, "customer_id"),
        (get(&shop, &format!("/pages/order/{unknown}")).await, 404, unknown),
        (get(&shop, &format!("/orders/{unknown}")).await, 404, unknown),
        // Here recommendations' path is another one.
        (get(&shop, "/popular").await, 404, "/openapi.json says what there is"),
    ] {
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["detail"].as_str().expect("text").contains(sentence), "{problem}");
    }
    shop.close().await;
}

async fn get(shop: &Shop, path: &str) -> Value {
    let answer = shop.client.get(format!("{}{path}", shop.door("orders"))).send().await;
    answer.expect("an answer").json().await.expect("JSON")
}
