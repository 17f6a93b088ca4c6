//! Requests that cannot be served, each with a sentence that says why.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_catalog::{TestCatalog, detail, euros, product};

#[tokio::test]
async fn wrong_fields_are_named() {
    let service = TestCatalog::new("wrong").await;
    let wrong = |field: &str, value: Value| {
        let mut product = product("mug", "Mug", "");
        product[field] = value;
        product
    };
    for (body, named) in [
        (wrong("sku", json!("a mug")), "/sku is wrong: \"a mug\" is not a SKU"),
        (wrong("sku", json!("search")), "sku: search is no SKU"),
        (wrong("title", json!(" ")), "title: it is empty"),
        (wrong("title", json!("x".repeat(201))), "title: it is longer than 200 characters"),
        (wrong("description", json!("\0")), "description: it has control characters"),
        (wrong("price", euros(-1)), "price.amount_minor: -1 is out of range"),
        (wrong("tags", json!(["tea", "a b"])), "/tags/1 is wrong: \"a b\" is not a slug"),
        (wrong("image_url", json!("mug.png")), "image_url: it is not an address"),
    ] {
        let refused = service.post(&body).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let problem: Value = refused.json().await.expect("JSON");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains(named)), "{problem}");
        assert_eq!(problem["errors"][0]["in"], "body", "{problem}");
    }
    assert_eq!(service.get("/products/cup").await.status(), StatusCode::NOT_FOUND);
    service.close().await;
}

#[tokio::test]
async fn no_text_breaks_the_search() {
    let service = TestCatalog::new("odd").await;
    service
        .published(&product("mug", "Mug \"O'Neill\" & <sons> 100% ☕️ \\", "a | b ! c :* (d"))
        .await;
    for q in ["", "%20", "☕️", "'", "\"", "\\", "%25", "_", "%26", "|", "!", "()", ":*", "<->"]
    {
        service.read(&format!("/products/search?q={q}")).await;
    }
    for q in ["o'neill", "O’Neill", "mug ☕️", "'mug':*A", "!mug", "mug %26 sons", "a|b!c:*"] {
        let page = service.read(&format!("/products/search?q={q}")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{q}");
    }
    for (query, why) in [
        ("q=%00", "q is at most 200 characters"),
        ("", "missing field `q`"),
        ("q=mug&limit=0", "limit 0 is out of range"),
    ] {
        let refused = service.get(&format!("/products/search?{query}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{query}");
        let detail = detail(refused).await;
        assert!(detail.contains(why), "{detail}");
    }
    service.close().await;
}
