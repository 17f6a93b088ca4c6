//! Orders under an `Idempotency-Key`, which the service handles itself.

use ballet_stage::wait_until;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::shop::{SOON, Shop, line, mugs};

/// Returns the status and the body. An order waits up to three seconds for another one with its key, and for a
/// connection. A busy service's refusal is repeated under the same key.
async fn place(shop: &Shop, url: &str, key: &str, checkout: &Value) -> (StatusCode, Value) {
    let answer = wait_until("an answer", SOON, || async {
        let request = shop.client.post(format!("{url}/orders")).header("Idempotency-Key", key);
        let answer = request.json(checkout).send().await.map_err(|error| error.to_string())?;
        Ok::<_, String>(Some(answer).filter(|one| one.status() != StatusCode::SERVICE_UNAVAILABLE))
    });
    let answer = answer.await.expect("an answer");
    let status = answer.status();
    let location = answer.headers().get("location").cloned();
    let body: Value = answer.json().await.expect("JSON");
    if let (Some(location), Some(order_id)) = (location, body["order_id"].as_str()) {
        assert_eq!(location.to_str().expect("text"), format!("/orders/{order_id}"));
    }
    (status, body)
}

#[tokio::test]
async fn a_key_is_one_order_however_often_it_is_sent_and_another_order_under_it_is_refused() {
    let mut shop = Shop::open("keys").await;
    let urls = shop.second("orders").await;
    let checkout = mugs(1, "card_approved");
    let all = (0..12).map(|number| place(&shop, &urls[number % 2], "the-one", &checkout));
    let answers = join_all(all).await;
    let (_, first) = &answers[0];
    for (status, body) in &answers {
        assert_eq!((*status, body), (StatusCode::CREATED, first));
    }
    let order_id = first["order_id"].as_str().expect("an id");
    shop.order_is(order_id, "completed").await;
    let (status, other) = place(&shop, &urls[0], "the-other", &checkout).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(&other, first, "another key is another order");
    // Much later, at whatever price.
    shop.reprice("mug", 1, 1_400).await;
    let again = place(&shop, &urls[1], "the-one", &checkout).await;
    assert_eq!(again, (StatusCode::CREATED, first.clone()));
    let two = shop.orders("").await;
    assert_eq!(two["items"].as_array().map(Vec::len), Some(2), "{two}");

    let url = &urls[0];
    let (status, problem) = place(&shop, url, "the-one", &mugs(2, "card_approved")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["name"], "Idempotency-Key", "{problem}");
    let (status, problem) = place(&shop, url, "a key", &mugs(1, "card_approved")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    assert_eq!(problem["errors"][0]["name"], "Idempotency-Key", "{problem}");
    // A refused order does not use up its key.
    let dearer = |quantity, card| {
        let mut checkout = mugs(quantity, card);
        checkout["lines"] = json!([line("mug", quantity, 1_400)]);
        checkout
    };
    let (status, problem) = place(&shop, url, "refused", &dearer(10_001, "card_approved")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let declined = dearer(1, "card_declined");
    assert_eq!(place(&shop, url, "refused", &declined).await.0, StatusCode::CREATED);
    shop.is_sound().await;
    assert_eq!(shop.orders("").await["items"].as_array().map(Vec::len), Some(3));
    shop.close().await;
}
