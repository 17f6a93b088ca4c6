//! Lists of products, page by page.

use serde_json::{Value, json};

use crate::test_catalog::{TestCatalog, product, skus};

async fn all(service: &TestCatalog, list: &str) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = service.read(&format!("/products?limit=2{list}{after}")).await;
        found.extend(skus(&page).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn products_are_listed_by_category_and_tag_without_the_withdrawn() {
    let service = TestCatalog::new("browse").await;
    for (sku, category, tags) in [
        ("spoon", "kitchen", json!(["steel"])),
        ("Mug", "kitchen", json!(["tea", "blue"])),
        ("mug-2", "kitchen", json!(["tea"])),
        ("mug.3", "kitchen", json!(["tea"])),
        ("lamp", "light", json!(["blue"])),
    ] {
        let mut product = product(sku, "A thing", "");
        (product["category"], product["tags"]) = (json!(category), tags);
        service.published(&product).await;
    }
    assert_eq!(all(&service, "").await, ["Mug", "lamp", "mug-2", "mug.3", "spoon"]);
    service.withdraw("mug.3", Some("\"1\"")).await;
    for (list, expected) in [
        ("", &["Mug", "lamp", "mug-2", "spoon"][..]),
        ("&category=kitchen", &["Mug", "mug-2", "spoon"]),
        ("&tag=tea", &["Mug", "mug-2"]),
        ("&category=kitchen&tag=blue", &["Mug"]),
        ("&category=garden", &[]),
        ("&withdrawn=true", &["mug.3"]),
        ("&withdrawn=true&tag=steel", &[]),
    ] {
        assert_eq!(all(&service, list).await, expected, "{list}");
    }
    let first: Value = service.read("/products?limit=1").await;
    assert_eq!((skus(&first), &first["next"]), (vec!["Mug"], &json!("Mug")));
    service.close().await;
}
