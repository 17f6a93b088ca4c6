//! The other answers of the services over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::shop::{Shop, USUAL, mugs};

#[tokio::test]
async fn a_receipt_counts_once() {
    let mut shop = Shop::asleep("receipt", USUAL).await;
    shop.start("inventory").await;
    shop.receive_goods("mug", 10).await;
    assert_eq!(shop.receive("mug", "note-1", 10).await.status(), StatusCode::OK);
    assert_eq!(shop.stock("mug").await["received"], 10, "sent again, it changes nothing");
    let response = shop.receive("mug", "note-1", 11).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["detail"], r#"receipt "note-1" was counted before with 10 of mug"#);
    assert_eq!(shop.receive("mug", "note-2", 5).await.status(), StatusCode::OK);
    assert_eq!(shop.stock("mug").await["on_hand"], 15);
    let refused = shop.receive("mug", "note-3", 0).await.status();
    assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY);
    shop.close().await;
}

#[tokio::test]
async fn lists_come_in_pages_the_newest_first() {
    let shop = Shop::open("pages").await;
    let mut placed = Vec::new();
    for _ in 0..3 {
        placed.push(shop.place_order(&mugs(1, "card_approved")).await);
    }
    placed.reverse();
    let first = shop.orders("?limit=2").await;
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("a list");
        items.iter().map(|o| o["order_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&first), placed[..2]);
    assert_eq!(first["next"], json!(placed[1]));
    let second = shop.orders(&format!("?limit=2&after={}", placed[1])).await;
    assert_eq!((ids(&second), &second["next"]), (placed[2..].to_vec(), &Value::Null));
    let wrong = shop.orders("?limit=1001").await;
    assert_eq!(wrong["status"], 400, "{wrong}");
    let unknown = shop.cancel("0193f7a0-0000-7000-8000-000000000000").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    shop.is_sound().await;
    shop.close().await;
}
