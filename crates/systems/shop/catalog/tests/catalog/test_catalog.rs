//! The catalog of one test, and a queue with all its events.

use std::ops::Deref;
use std::time::Duration;

use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

pub(crate) struct TestCatalog {
    pub(crate) system: TestSystem,
    url: String,
    client: Client,
}

impl Deref for TestCatalog {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

impl TestCatalog {
    pub(crate) async fn new(name: &str) -> Self {
        Self::of(TestSystem::new(name, vec![catalog::Catalog::service()]).await)
    }

    pub(crate) fn of(system: TestSystem) -> Self {
        let (url, client) = (system.url("catalog"), Client::new());
        Self { system, url, client }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    /// The answer has to be 200.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    pub(crate) async fn post(&self, product: &Value) -> Response {
        answer(self.client.post(format!("{}/products", self.url)).json(product)).await
    }

    /// Publishes a product that has to be new.
    pub(crate) async fn published(&self, product: &Value) {
        let response = self.post(product).await;
        let status = response.status();
        assert_eq!(status, StatusCode::CREATED, "{}", response.text().await.expect("text"));
    }

    pub(crate) async fn set_price(&self, sku: &str, tag: Option<&str>, price: i64) -> Response {
        let request = self.client.put(format!("{}/products/{sku}/price", self.url));
        answer(of(request, tag).json(&euros(price))).await
    }

    pub(crate) async fn withdraw(&self, sku: &str, tag: Option<&str>) -> Response {
        answer(of(self.client.delete(format!("{}/products/{sku}", self.url)), tag)).await
    }

    pub(crate) async fn events(&self, count: usize) -> Vec<(String, Value)> {
        let all = wait_until("events", SOON, || async {
            let seen = self.seen().await;
            if seen.len() < count { Err(format!("{} events", seen.len())) } else { Ok(Some(seen)) }
        });
        let events = all.await.expect("all events");
        assert_eq!(events.len(), count, "{events:#?}");
        let event = |message: &Value| {
            let name = message["properties"]["type"].as_str().expect("a type").to_owned();
            let payload = message["payload"].as_str().expect("text");
            (name, serde_json::from_str(payload).expect("JSON"))
        };
        events.iter().map(event).collect()
    }

    pub(crate) async fn close(self) {
        self.system.close(0).await;
    }
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

fn of(request: RequestBuilder, tag: Option<&str>) -> RequestBuilder {
    match tag {
        Some(tag) => request.header("If-Match", tag),
        None => request,
    }
}

pub(crate) fn tag(response: &Response) -> &str {
    response.headers()["etag"].to_str().expect("text")
}

pub(crate) async fn detail(response: Response) -> String {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.expect("JSON");
    problem["detail"].as_str().expect("a sentence").to_owned()
}

pub(crate) fn euros(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "EUR" })
}

pub(crate) fn product(sku: &str, title: &str, description: &str) -> Value {
    json!({ "sku": sku, "title": title, "description": description, "price": euros(1_250),
        "category": "kitchen", "tags": ["tea"] })
}

pub(crate) fn skus(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|product| product["sku"].as_str().expect("a SKU")).collect()
}
