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
        (
            wrong("price", json!({ "amount_minor": 1, "currency": "€" })),
            "/price/currency is wrong: \"€\"",
        ),
        (wrong("category", json!("Küche")), "/category is wrong: \"Küche\" is not a slug"),
        (wrong("tags", json!(["tea", "a b"])), "/tags/1 is wrong: \"a b\" is not a slug"),
        (wrong("image_url", json!("mug.png")), "image_url: it is not an address"),
    ] {
        let refused = service.post(&body).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let problem: Value = refused.json().await.expect("JSON");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains(named)), "{problem}");
        assert_eq!(problem["errors"][0]["in"], "body", "{problem}");
    }
    service.published(&wrong("tags", json!(["tea", "blue", "tea"]))).await;
    assert_eq!(service.read("/products/mug").await["tags"], json!(["blue", "tea"]));
    let refused = service.set_price("mug", Some("\"1\""), -1).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(refused).await.starts_with("amount_minor: -1 is out of range"));
    assert_eq!(service.get("/products/cup").await.status(), StatusCode::NOT_FOUND);
    service.close().await;
}

#[tokio::test]
async fn no_text_breaks_the_search() {
    let service = TestCatalog::new("odd").await;
    service
        .published(&product("mug", "Mug \"O'Neill\" & <sons> 100% ☕️ \\", "a | b ! c :* (d"))
        .await;
    for q in [
        "",
        "%20",
        "☕️",
        "'",
        "\"",
        "\\",
        "%25",
        "_",
        "%26",
        "|",
        "!",
        "()",
        ":*",
        "<->",
        "--",
        "; drop table product",
        "mug%26!",
        "%F0%9F",
        "\u{300}",
        "ا",
        "茶",
    ] {
        service.read(&format!("/products/search?q={q}")).await;
    }
    for q in ["o'neill", "O’Neill", "mug ☕️", "'mug':*A", "!mug", "mug & sons", "a|b!c:*"] {
        let page = service.read(&format!("/products/search?q={}", q.replace('&', "%26"))).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{q}");
    }
    let long = "x".repeat(201);
    for (query, why) in [
        ("q=%00", "q: it has a NUL character"),
        (&format!("q={long}"), "q: it is longer than 200 characters"),
        ("", "missing field `q`"),
        ("q=mug&after=mug", "after is wrong: it is no cursor"),
        ("q=mug&limit=0", "limit 0 is out of range"),
    ] {
        let refused = service.get(&format!("/products/search?{query}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{query}");
        let detail = detail(refused).await;
        assert!(detail.contains(why), "{detail}");
    }
    service.close().await;
}
