//! Products that are published, get another price, and are withdrawn.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_catalog::{TestCatalog, detail, euros, product, tag};

#[tokio::test]
async fn every_change_is_an_event_with_the_whole_product_and_its_next_version() {
    let service = TestCatalog::new("changes").await;
    let mut mug = product("mug", "Blue mug", "For tea.");
    mug["image_url"] = json!("https://example.org/mug.png");
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
    for known in ["\"1\"", "\"7\", W/\"1\"", "*"] {
        let known = service.get_unless("/products/mug", known).await;
        assert_eq!((known.status(), tag(&known)), (StatusCode::NOT_MODIFIED, "\"1\""));
    }

    let changed = service.set_price("mug", Some("\"1\""), 990).await;
    assert_eq!((changed.status(), tag(&changed)), (StatusCode::OK, "\"2\""));
    let changed: Value = changed.json().await.expect("JSON");
    assert_eq!((&changed["version"], &changed["price"]), (&json!(2), &euros(990)));
    assert_eq!(service.get_unless("/products/mug", "\"1\"").await.status(), StatusCode::OK);
    let same = service.set_price("mug", Some("\"2\""), 990).await;
    assert_eq!((same.status(), tag(&same)), (StatusCode::OK, "\"2\""), "nothing is changed");

    let withdrawn = service.withdraw("mug", Some("\"2\"")).await;
    assert_eq!(withdrawn.status(), StatusCode::NO_CONTENT);
    let events = service.events(3).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["published", "price_changed", "withdrawn"];
    assert_eq!(names, expected.map(|what| format!("catalog.product_{what}.v1")));
    assert_eq!((&events[0].1, &events[1].1), (&mug, &changed));
    let mut last = changed;
    last["version"] = json!(3);
    last["changed_at"] = events[2].1["changed_at"].clone();
    assert_eq!(events[2].1, last);
    assert_eq!(service.read("/products?withdrawn=true").await["items"], json!([last]));
    service.close().await;
}

#[tokio::test]
async fn a_withdrawn_product_is_gone_and_its_sku_taken() {
    let service = TestCatalog::new("withdrawn").await;
    let mug = product("mug", "Mug", "");
    service.published(&mug).await;
    assert_eq!(service.withdraw("mug", Some("\"1\"")).await.status(), StatusCode::NO_CONTENT);
    for gone in [
        service.get("/products/mug").await,
        service.withdraw("mug", Some("\"2\"")).await,
        service.set_price("mug", Some("\"2\""), 1).await,
    ] {
        assert_eq!(gone.status(), StatusCode::GONE);
        assert!(detail(gone).await.starts_with("product mug was withdrawn at 2"));
    }
    let again = service.post(&mug).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert!(detail(again).await.contains("choose another SKU"));
    service.events(2).await;
    service.close().await;
}

#[tokio::test]
async fn a_change_is_of_the_version_that_its_sender_has_read() {
    let service = TestCatalog::new("conditions").await;
    service.published(&product("mug", "Mug", "")).await;
    for tag in [None, Some("*")] {
        for refused in [service.set_price("mug", tag, 1).await, service.withdraw("mug", tag).await]
        {
            assert_eq!(refused.status(), StatusCode::PRECONDITION_REQUIRED);
            assert!(detail(refused).await.contains("send If-Match"));
        }
    }
    for wrong in ["1", "\"mug\"", "W/\"\""] {
        let refused = service.set_price("mug", Some(wrong), 1).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{wrong}");
        assert!(detail(refused).await.starts_with("If-Match is wrong"));
    }
    for wrong in ["\"2\"", "W/\"2\""] {
        let refusals = [
            service.set_price("mug", Some(wrong), 1).await,
            service.withdraw("mug", Some(wrong)).await,
        ];
        for refused in refusals {
            assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED, "{wrong}");
            assert_eq!(tag(&refused), "\"1\"");
            let problem: Value = refused.json().await.expect("JSON");
            let detail = problem["detail"].as_str().expect("a sentence");
            assert!(detail.contains("is at version 1 now"), "{detail}");
            let errors = json!([{ "in": "header", "name": "If-Match", "detail": detail }]);
            assert_eq!(problem["errors"], errors);
        }
    }
    let unknown = service.set_price("cup", Some("\"1\""), 1).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let changed = service.set_price("mug", Some("\"7\", W/\"1\""), 1).await;
    assert_eq!(changed.status(), StatusCode::OK);
    service.close().await;
}

/// Each round, several administrators change the version that all have read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_changes_at_the_same_time_one_wins_and_none_is_lost() {
    const ROUNDS: i64 = 10;
    let service = TestCatalog::new("admins").await;
    service.published(&product("mug", "Mug", "")).await;
    for version in 1..=ROUNDS {
        let seen = format!("\"{version}\"");
        let changes =
            (0..8).map(|admin| service.set_price("mug", Some(&seen), 1_000 * version + admin));
        let answers = join_all(changes).await;
        let next = format!("\"{}\"", version + 1);
        assert!(answers.iter().all(|answer| tag(answer) == next), "{answers:#?}");
        let of = |status| answers.iter().filter(|answer| answer.status() == status).count();
        assert_eq!((of(StatusCode::OK), of(StatusCode::PRECONDITION_FAILED)), (1, 7));
    }
    let events = service.events(usize::try_from(ROUNDS).expect("a few") + 1).await;
    let versions: BTreeSet<_> =
        events.iter().map(|(_, product)| product["version"].as_i64().expect("a number")).collect();
    assert_eq!(versions, (1..=ROUNDS + 1).collect());
    let last = events.iter().find(|(_, product)| product["version"] == ROUNDS + 1);
    assert_eq!(last.expect("the last").1, service.read("/products/mug").await);
    service.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_published_once_however_often_it_is_sent() {
    let service = TestCatalog::new("again").await;
    let mug = product("mug", "Mug", "Blue.");
    let answers = join_all((0..8).map(|_| service.post(&mug))).await;
    let of = |status| answers.iter().filter(|answer| answer.status() == status).count();
    assert_eq!((of(StatusCode::CREATED), of(StatusCode::OK)), (1, 7));
    assert!(answers.iter().all(|answer| tag(answer) == "\"1\""));
    let other = service.post(&product("mug", "Mug", "Red.")).await;
    assert_eq!(other.status(), StatusCode::CONFLICT);
    assert_eq!(detail(other).await, "there is another product mug");
    // The same words in another order.
    let titles = ["quick brown foxes jump over lazy dogs", "dogs lazy over jump foxes brown quick"];
    let both = (0..20).map(|n| (format!("fox-{n}"), titles[n % 2]));
    let both: Vec<Value> = both.map(|(sku, title)| product(&sku, title, "")).collect();
    join_all(both.iter().map(|product| service.published(product))).await;
    service.events(21).await;
    service.close().await;
}

#[tokio::test]
async fn t202_catalog_notes_what_each_product_cost_and_when() {
    let service = TestCatalog::new("prices").await;
    for sku in ["mug", "pot"] {
        service.published(&product(sku, "A thing", "")).await;
    }
    service.set_price("mug", Some("\"1\""), 990).await;
    service.set_price("mug", Some("\"2\""), 990).await;
    service.withdraw("mug", Some("\"2\"")).await;
    let prices = "select to_jsonb(product_price) from product_price order by sku, version";
    let mut db = service.database("catalog").await;
    let prices: Vec<Value> = sqlx::query_scalar(prices).fetch_all(&mut db).await.expect("rows");
    let seen = |price: &Value| {
        (
            price["sku"].clone(),
            price["version"].clone(),
            price["price_minor"].clone(),
            price["until"].is_string(),
        )
    };
    let expected = [("mug", 1, 1_250, true), ("mug", 2, 990, true), ("pot", 1, 1_250, false)];
    let expected = expected
        .map(|(sku, version, price, over)| (json!(sku), json!(version), json!(price), over));
    assert_eq!(prices.iter().map(seen).collect::<Vec<_>>(), expected);
    assert_eq!(prices[0]["until"], prices[1]["since"]);
    service.close().await;
}
