//! Requests that cannot be served, each answered with a sentence that says why.

use reqwest::StatusCode;
use serde_json::Value;

use crate::test_recommendations::TestRecommendations;

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let service = TestRecommendations::new("wrong").await;
    for (path, name, why) in [
        ("/products/mug/related?limit=0", "limit", "limit 0 is out of range: it must be 1 to 50"),
        ("/popular?limit=51", "limit", "limit 51 is out of range"),
        ("/popular?limit=ten", "limit", "limit is wrong"),
        ("/products/a%20mug/related", "sku", "\"a mug\" is not a SKU"),
        ("/customers/7/recommendations", "customer_id", "customer_id is wrong"),
    ] {
        let refused = service.get(path).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(refused.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = refused.json().await.expect("JSON");
        assert_eq!(problem["errors"][0]["name"], name, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains(why)), "{problem}");
    }
    service.close().await;
}

#[tokio::test]
async fn without_orders_there_is_nothing_to_recommend() {
    let service = TestRecommendations::new("empty").await;
    for path in [
        "/products/mug/related",
        "/customers/0193f7a0-0000-7000-8000-00000000c001/recommendations",
        "/popular",
    ] {
        assert_eq!(service.recommended(path).await, ("popular".to_owned(), Vec::new()), "{path}");
    }
    service.close().await;
}
