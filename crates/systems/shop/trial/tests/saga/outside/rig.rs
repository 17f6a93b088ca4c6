//! One service in its own environment, with the other company that it calls.

use std::ops::Deref;
use std::time::Duration;

use ballet::core::Part;
use ballet::{Clock, Service};
use ballet_store::inbox::stuck::{self, StuckEntry};
use ballet_testkit::TestSystem;
use common::outside::{ApiConnection, Secrets};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::partner::{KEY, Partner};

/// The limit for waits that hang; no test depends on the pace.
pub const SOON: Duration = Duration::from_secs(60);
/// The limit for a request to the partner. A busy machine exceeds it now and then, which changes nothing.
const REQUEST: Duration = Duration::from_secs(2);

/// A service, its environment, and the company that it calls.
#[derive(Debug)]
pub struct Rig {
    system: TestSystem,
    pub partner: Partner,
    name: &'static str,
    client: Client,
    url: String,
}

impl Deref for Rig {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

impl Rig {
    /// Starts the service of this part, alone.
    pub async fn new(test: &str, part: Part, partner: Partner, service: Service) -> Self {
        let name = part.service;
        let mut system = TestSystem::asleep(test, vec![part]).await;
        system.start(service).await;
        let url = system.url(name);
        Self { system, partner, name, client: Client::new(), url }
    }

    /// Returns the service's answer at a path.
    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.url);
        self.client.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Sends a body to a route for webhooks, with these signatures.
    pub async fn send(&self, path: &str, signatures: &[String], body: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json");
        let request = signatures
            .iter()
            .fold(request, |request, one| request.header("webhook-signature", one));
        request.body(body.to_owned()).send().await.expect("an answer")
    }

    /// Returns the key of the only operation at a path for an order.
    pub fn only_effect(&self, path: &str, order_id: Uuid) -> Uuid {
        let done = self.partner.operations(path, &order_id.to_string());
        assert_eq!(done.len(), 1, "{path} of {order_id}: {done:?}");
        done[0].0
    }

    /// Returns the result of `select count(*) from {what}`.
    pub async fn count(&self, what: &str) -> i64 {
        self.value(self.name, &format!("select count(*) from {what}")).await
    }

    /// Returns the list of stuck work.
    pub async fn stuck(&self) -> Vec<StuckEntry> {
        let db = PgConnection::connect(self.env.database_url(self.name)).await;
        stuck::list(&mut db.expect("connected"), 100).await.expect("a list")
    }

    pub async fn close(self) {
        self.system.close(0).await;
    }
}

/// Returns the settings with which a service reaches the partner.
pub fn connection(partner: &Partner) -> ApiConnection {
    ApiConnection {
        url: partner.url.parse().expect("an address"),
        key: secrets(KEY),
        ca_file: None,
        timeout: REQUEST,
    }
}

pub fn secrets(text: &str) -> Secrets {
    Secrets::of("A_SECRET", Some(text), None, 1).expect("secrets").expect("secrets")
}

/// Returns a webhook that says that an operation has an outcome.
pub fn finished(event_id: &str, order_id: Uuid, key: Uuid) -> Value {
    json!({
        "event_id": event_id,
        "type": "operation.finished",
        "occurred_at": now(),
        "order_id": order_id,
        "idempotency_key": key,
    })
}

pub fn now() -> jiff::Timestamp {
    Clock::system().now()
}

pub fn new_id() -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now())
}
