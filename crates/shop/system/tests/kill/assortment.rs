//! What the shop sells, and what has to be known of it in the end.

use std::sync::atomic::{AtomicU64, Ordering};

use ballet_stage::{Method, TestEnv, wait_until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shop::audit::{Published, products, unlike_published};

use crate::services::{SOON, Services};

/// A queue that gets all events of catalog.
pub(crate) const RECORD: &str = "record";

/// The goods that came in, and the products that were published.
#[derive(Debug, Default)]
pub(crate) struct Assortment {
    notes: AtomicU64,
    products: AtomicU64,
}

impl Assortment {
    /// Keeps all events of catalog from now on.
    pub(crate) async fn record(&self, env: &TestEnv) {
        let (management, vhost) = (env.management(), env.vhost());
        let (durable, of_catalog) =
            (json!({ "durable": true }), json!({ "routing_key": "catalog.#" }));
        for (method, path, body) in [
            (Method::PUT, &["queues", vhost, RECORD][..], &durable),
            (Method::POST, &["bindings", vhost, "e", "events", "q", RECORD], &of_catalog),
        ] {
            management.call(method, path, Some(body)).await.expect("a record");
        }
    }

    /// Counts mugs in; there are enough for all. They are sold at one price for ever.
    pub(crate) async fn fill(&self, services: &Services) {
        receive(services, "mug", "note", 5_000).await;
        let mug = json!({ "sku": "mug", "title": "A mug", "category": "kitchen",
            "price": { "amount_minor": 1_250, "currency": "EUR" } });
        let sold = wait_until("a mug to be published", SOON, || async {
            let status = services.post("catalog", "products", &mug).await?.status();
            if status.is_success() { Ok(Some(())) } else { Err(status.to_string()) }
        });
        sold.await.expect("an answer");
    }

    /// Counts pens in, once under each delivery note.
    pub(crate) async fn restock(&self, services: &Services) {
        let note = self.notes.fetch_add(1, Ordering::Relaxed) + 1;
        receive(services, "pen", &format!("note-{note}"), 10).await;
    }

    pub(crate) async fn each_note_counts_once(&self, services: &Services) {
        let pens = services.get("inventory", "stock/pen").await.expect("an answer");
        let pens: Value = pens.json().await.expect("JSON");
        assert_eq!(pens["received"], 10 * self.notes.load(Ordering::Relaxed));
    }

    /// Publishes a new product, gives it another price, and withdraws it. Whose answer is lost asks
    /// again, and finds out what was done.
    pub(crate) async fn catalog(&self, services: &Services) {
        let sku = format!("pen-{}", self.products.fetch_add(1, Ordering::Relaxed) + 1);
        let price = |amount_minor| json!({ "amount_minor": amount_minor, "currency": "EUR" });
        let product = json!({ "sku": sku, "title": "A pen", "price": price(199),
            "category": "office" });
        let withdrawn = wait_until("a product to be withdrawn", SOON, || async {
            let status = services.post("catalog", "products", &product).await?.status();
            let path = format!("products/{sku}");
            let read = || services.get("catalog", &path);
            let mut known = read().await?;
            if known.status() == StatusCode::NOT_FOUND {
                return Err(format!("publishing it is {status}"));
            }
            if known.status() == StatusCode::OK && known.headers()["etag"] == "\"1\"" {
                let (change, first) = (format!("{path}/price"), Some("\"1\""));
                services.ask("catalog", Method::PUT, &change, &price(299), first).await?;
                known = read().await?;
            }
            if known.status() == StatusCode::OK && known.headers()["etag"] == "\"2\"" {
                let second = Some("\"2\"");
                services.ask("catalog", Method::DELETE, &path, &Value::Null, second).await?;
                known = read().await?;
            }
            let status = known.status();
            if status == StatusCode::GONE { Ok(Some(())) } else { Err(format!("it is {status}")) }
        });
        withdrawn.await.expect("an end");
    }

    /// Each product has the versions that it has to have, and each version was published once.
    pub(crate) async fn products_are_as_published(&self, env: &TestEnv, services: &Services) {
        let products = products(&services.urls()).await.expect("products");
        let (mugs, pens): (Vec<_>, Vec<_>) =
            products.iter().partition(|product| product.sku.as_str() == "mug");
        assert!(mugs.iter().all(|mug| mug.version == 1), "{mugs:#?}");
        let count = usize::try_from(self.products.load(Ordering::Relaxed)).expect("some");
        assert_eq!(pens.len(), count);
        assert!(pens.iter().all(|pen| pen.version == 3), "{pens:#?}");
        let mut published = Published::default();
        loop {
            let some = env.management().take(RECORD, 100).await.expect("events");
            for event in &some {
                let text = |value: &Value| value.as_str().expect("text").to_owned();
                let (properties, body) = (&event["properties"], text(&event["payload"]));
                let id = text(&properties["message_id"]).parse().expect("an id");
                published.add(&text(&properties["type"]), id, body.as_bytes());
            }
            if some.is_empty() {
                break;
            }
        }
        assert_eq!(unlike_published(&products, &published), [""; 0]);
    }
}

async fn receive(services: &Services, sku: &str, receipt: &str, quantity: u64) {
    let receipt = json!({ "receipt": receipt, "quantity": quantity });
    let counted = wait_until("goods to be counted", SOON, || async {
        let path = format!("stock/{sku}/receive");
        let status = services.post("inventory", &path, &receipt).await?.status();
        if status == StatusCode::OK { Ok(Some(())) } else { Err(status.to_string()) }
    });
    counted.await.expect("an answer");
}
