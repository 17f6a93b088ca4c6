//! The other answers of the services over HTTP.

use reqwest::StatusCode;
use serde_json::Value;

use crate::shop::{Shop, USUAL};

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
