//! One test's catalog, and a queue that gets all its events.

use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Running, Settings};
use ballet_stage::{Method, Servers, TestEnv, wait_until};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

pub(crate) const SOON: Duration = Duration::from_secs(60);
const PROBE: &str = "probe";

pub(crate) struct World {
    pub(crate) env: TestEnv,
    url: String,
    client: Client,
    running: Running,
}

/// An environment for catalog, which was never started.
pub(crate) async fn asleep(name: &str) -> TestEnv {
    let servers = Servers::shared().await.expect("servers");
    let env = TestEnv::new(servers, name, &definitions(), &["catalog"]).await;
    env.expect("a test environment")
}

fn definitions() -> Value {
    let system = System { name: "shop", parts: vec![catalog::participant().part()] };
    topology::definitions(&system, |_| String::new())
}

pub(crate) fn settings(env: &TestEnv) -> Settings {
    Settings::new(env.amqp_url("catalog"), env.database_url("catalog"))
}

impl World {
    /// A catalog without products.
    pub(crate) async fn new(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let env = TestEnv::prepared(servers, name, &definitions(), &["catalog"]).await;
        Self::start(env.expect("a test environment")).await
    }

    /// The same, in this environment.
    pub(crate) async fn start(env: TestEnv) -> Self {
        let management = env.management();
        let (durable, all) = (json!({ "durable": true }), json!({ "routing_key": "#" }));
        let queue = ["queues", env.vhost(), PROBE];
        management.call(Method::PUT, &queue, Some(&durable)).await.expect("a queue");
        let binding = ["bindings", env.vhost(), "e", "events", "q", PROBE];
        management.call(Method::POST, &binding, Some(&all)).await.expect("a binding");
        let running = catalog::service().start(settings(&env)).await.expect("started");
        let url = format!("http://{}", running.address());
        Self { env, url, client: Client::new(), running }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    /// An answer that has to be 200.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    pub(crate) async fn get_unless(&self, path: &str, tag: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        answer(request.header("If-None-Match", tag)).await
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

    /// The next events, in the order of their coming.
    pub(crate) async fn events(&self, count: usize) -> Vec<(String, Value)> {
        let events = std::sync::Mutex::new(Vec::new());
        let all = wait_until("events", SOON, || async {
            let some = self.env.management().take(PROBE, 100).await;
            let mut events = events.lock().expect("events");
            events.extend(some.map_err(|error| error.to_string())?);
            if events.len() < count {
                Err(format!("{} events", events.len()))
            } else {
                Ok(Some(()))
            }
        });
        all.await.expect("all events");
        let events = events.into_inner().expect("events");
        assert_eq!(events.len(), count, "{events:#?}");
        let event = |message: &Value| {
            let name = message["properties"]["type"].as_str().expect("a type").to_owned();
            let payload = message["payload"].as_str().expect("text");
            (name, serde_json::from_str(payload).expect("JSON"))
        };
        events.iter().map(event).collect()
    }

    pub(crate) async fn close(self) {
        self.running.stop().await;
        self.env.close().await.expect("closed");
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

/// The sentence of a problem.
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

/// The SKUs on a page.
pub(crate) fn skus(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|product| product["sku"].as_str().expect("a SKU")).collect()
}
