//! Products that are published, listed, found, changed and withdrawn.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_catalog::{TestCatalog, detail, euros, product, skus, tag};

#[tokio::test]
async fn every_change_is_an_event_with_the_whole_product_and_its_next_version() {
    let service = TestCatalog::new("changes").await;
    let mut mug = product("mug", "Blue mug", "For tea.");
    mug["image_url"] = json!(format!("https://example.org/{}", "m".repeat(1_980)));
    mug["tags"] = json!(["tea", "blue", "tea"]);
    let created = service.post(&mug).await;
    assert_eq!((created.status(), tag(&created)), (StatusCode::CREATED, "\"1\""));
    assert_eq!(created.headers()["location"], "/products/mug");
    let published: Value = created.json().await.expect("JSON");
    mug["tags"] = json!(["blue", "tea"]);
    mug["version"] = json!(1);
    for time in ["published_at", "changed_at"] {
        mug[time] = published[time].clone();
    }
    assert_eq!(published, mug);
    let read = service.get("/products/mug").await;
    assert_eq!(tag(&read), "\"1\"");
    assert_eq!(read.json::<Value>().await.expect("JSON"), mug);

    let change = |tag| service.set_price("mug", Some(tag), 990);
    let both = async { tokio::join!(change("\"1\""), change("\"1\"")) };
    let (one, other) = service.meeting(("catalog", "product"), 2, both).await;
    let statuses = [one.status(), other.status()];
    assert!(statuses.contains(&StatusCode::PRECONDITION_FAILED), "{statuses:?}");
    // Again nothing is changed.
    let again = change("\"2\"").await;
    assert_eq!((again.status(), tag(&again)), (StatusCode::OK, "\"2\""));
    let changed = service.read("/products/mug").await;
    assert_eq!((&changed["version"], &changed["price"]), (&json!(2), &euros(990)));
    assert_eq!(service.withdraw("mug", Some("\"2\"")).await.status(), StatusCode::NO_CONTENT);
    let events = service.events(3).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["published", "price_changed", "withdrawn"];
    assert_eq!(names, expected.map(|what| format!("catalog.product_{what}.v1")));
    assert_eq!((&events[0].1, &events[1].1), (&mug, &changed));
    let mut last = changed;
    last["version"] = json!(3);
    last["changed_at"] = events[2].1["changed_at"].clone();
    assert_eq!(events[2].1, last);

    for gone in [
        service.get("/products/mug").await,
        service.withdraw("mug", Some("\"3\"")).await,
        service.set_price("mug", Some("\"3\""), 1).await,
    ] {
        assert_eq!(gone.status(), StatusCode::GONE);
    }
    let again = service.post(&product("mug", "Mug", "")).await;
    assert_eq!(again.status(), StatusCode::CONFLICT, "its SKU is taken");
    assert!(detail(again).await.contains("choose another SKU"));
    service.close().await;
}

#[tokio::test]
async fn a_change_is_of_the_version_that_its_sender_has_read() {
    let service = TestCatalog::new("conditions").await;
    service.published(&product("mug", "Mug", "")).await;
    for (read, status) in [
        (None, StatusCode::PRECONDITION_REQUIRED),
        (Some("*"), StatusCode::PRECONDITION_REQUIRED),
        (Some("\"mug\""), StatusCode::BAD_REQUEST),
        (Some("\"2\""), StatusCode::PRECONDITION_FAILED),
    ] {
        assert_eq!(service.set_price("mug", read, 1).await.status(), status, "{read:?}");
        assert_eq!(service.withdraw("mug", read).await.status(), status, "{read:?}");
    }
    let unknown = service.set_price("cup", Some("\"1\""), 1).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    // In each round, several administrators change the version that all have read.
    for version in 1..=5 {
        let seen = format!("\"{version}\"");
        let changes =
            (0..8).map(|admin| service.set_price("mug", Some(&seen), 1_000 * version + admin));
        let answers = join_all(changes).await;
        let of = |status| answers.iter().filter(|answer| answer.status() == status).count();
        assert_eq!((of(StatusCode::OK), of(StatusCode::PRECONDITION_FAILED)), (1, 7));
    }
    let events = service.events(6).await;
    let versions: BTreeSet<_> =
        events.iter().map(|(_, product)| product["version"].as_i64().expect("a number")).collect();
    assert_eq!(versions, (1..=6).collect());
    service.close().await;
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
    service.withdraw("mug.3", Some("\"1\"")).await;
    for (list, expected) in [
        ("", &["Mug", "lamp", "mug-2", "spoon"][..]),
        ("&category=kitchen", &["Mug", "mug-2", "spoon"]),
        ("&tag=tea", &["Mug", "mug-2"]),
        ("&category=kitchen&tag=blue", &["Mug"]),
        ("&category=garden", &[]),
    ] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = service.read(&format!("/products?limit=2{list}{after}")).await;
            found.extend(skus(&page).into_iter().map(str::to_owned));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(found, expected, "{list}");
    }
    service.close().await;
}

#[tokio::test]
async fn what_people_type_is_found_the_best_first() {
    let service = TestCatalog::new("typed").await;
    for (sku, title, description) in [
        ("kettle", "Kettle", "Boils a litre in two minutes."),
        ("descaler", "Kettle descaler", "Cleans kettles."),
        ("teapot", "Teapot", "For four cups."),
        ("mug-tree", "Mug tree", "Oak. Holds six blue mugs."),
        ("brulee", "Crème brûlée dishes", "Set of four, with a torch."),
        ("shirt", "T-shirt", "Cotton, with a teapot on it."),
        ("samovar", "Самовар", "Для чая."),
    ] {
        service.published(&product(sku, title, description)).await;
    }
    for (q, expected) in [
        // The title ranks before the description.
        ("teapot", &["teapot", "shirt"][..]),
        // Still being typed.
        ("KETTLE de", &["descaler"]),
        // Words in any order, and in several fields.
        ("mug tree blue", &["mug-tree"]),
        ("t-shirt", &["shirt"]),
        ("tea mug-tree", &["mug-tree"]),
        ("brûlée", &["brulee"]),
        ("Самовар", &["samovar"]),
        ("kettle unicorn", &[]),
    ] {
        let page = service.read(&format!("/products/search?q={q}")).await;
        assert_eq!(skus(&page), expected, "{q}");
    }
    service.withdraw("samovar", Some("\"1\"")).await;
    let page = service.read("/products/search?q=Самовар").await;
    assert_eq!(page["items"], json!([]));
    service.close().await;
}
