//! Orders as a customer sees them, who knows only the gateway.

use ballet::{Clock, Settings};
use ballet_amqp::RabbitMq;
use ballet_ops::redrive::{DeadLetterFilter, DeadLetters, Note, RedriveOptions};
use ballet_stage::wait_until;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tokio::sync::watch;

use crate::shop::{CUSTOMER, SOON, Shop, ShopOptions, USUAL, mugs};
use crate::watching::{Watch, changes};

async fn behind_its_gateway(name: &str) -> Shop {
    Shop::with(name, ShopOptions { gateway: true, ..USUAL }).await
}

#[tokio::test]
async fn a_customer_watches_an_order_and_reads_every_refusal_in_a_sentence() {
    let shop = behind_its_gateway("gw_watch").await;
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
        // A path of recommendations, which has another path here.
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

#[tokio::test]
async fn f11_an_order_that_a_poison_event_holds_up_is_completed_after_a_redrive() {
    let mut shop = behind_its_gateway("gw_poison").await;
    shop.stop("inventory").await;
    let settings =
        Settings::new(shop.env.amqp_url("inventory"), shop.env.database_url("inventory"));
    let small = Settings { max_body: 10, ..settings };
    let address = shop.url("inventory")["http://".len()..].parse().expect("an address");
    let small = Settings { listen: address, ..small };
    shop.start_with("inventory", inventory::service(), small).await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let broker = RabbitMq::new(shop.env.ops_amqp_url()).expect("a URL");
    let dead_letters = DeadLetters::new(broker, "inventory");
    wait_until("a dead letter", SOON, || async {
        let status = dead_letters.status().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((status.dead_letters > 0).then_some(()))
    })
    .await
    .expect("a dead letter");
    shop.order_is(&order_id, "placed").await;
    shop.stop("inventory").await;
    shop.start("inventory").await;
    let clock = Clock::system();
    let plan = dead_letters
        .plan(DeadLetterFilter::default(), None, Timestamp::UNIX_EPOCH)
        .await
        .expect("a plan");
    let (_keep, stop) = watch::channel(false);
    let note = Note { by: "a test".to_owned(), why: None, at: clock.now() };
    let run_id = clock.new_id(clock.now());
    let options =
        RedriveOptions { note, run_id, rate: None, beyond_memory: false, stop, progress: &|_| {} };
    dead_letters.redrive(&plan, &options).await.expect("redriven");
    shop.order_is(&order_id, "completed").await;
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn f12_a_gateway_killed_in_the_middle_of_an_order_never_places_it_twice() {
    let mut shop = behind_its_gateway("gw_killed").await;
    let before = shop.place_order(&mugs(1, "card_approved")).await;
    // Orders has the request, and cannot answer yet.
    let mut orders = shop.database("orders").await;
    orders
        .execute("begin; lock table customer_order in access exclusive mode")
        .await
        .expect("held");
    let place = |shop: &Shop| {
        let url = format!("{}/orders", shop.door("orders"));
        let request = shop.client.post(url).header("Idempotency-Key", "the-one");
        request.json(&mugs(1, "card_approved")).send()
    };
    let asked = tokio::spawn(place(&shop));
    let waits = "select count(*) > 0 from pg_locks where not granted and database = \
                 (select oid from pg_database where datname = current_database())";
    shop.until("orders", waits).await;
    let gateway = shop.gateway.as_mut().expect("a gateway");
    gateway.kill().await;
    asked.await.expect("a task").expect_err("its connection was cut off");
    gateway.start_again().await;
    orders.close().await.expect("released");
    // The customer asks again, and the gateway sends the request again under this key. It was placed then, or is
    // now.
    let placed = shop.place_order_under("the-one", &mugs(1, "card_approved")).await;
    let request = shop.client.post(format!("{}/orders", shop.url("orders")));
    let request = request.header("Idempotency-Key", format!("sub:{CUSTOMER}:the-one"));
    let answer = request.json(&mugs(1, "card_approved")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["order_id"], json!(placed));
    shop.order_is(&placed, "completed").await;
    shop.order_is(&before, "completed").await;
    shop.is_sound().await;
    let all = shop.orders("").await;
    let ids = all["items"].as_array().expect("a list").iter();
    let ids: Vec<&Value> = ids.map(|order| &order["order_id"]).collect();
    assert_eq!(ids, [&json!(placed), &json!(before)]);
    shop.close().await;
}
