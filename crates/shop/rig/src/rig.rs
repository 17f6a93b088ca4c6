//! One service in a world of its own, with the other company that it calls.

use std::time::Duration;

use ballet::core::{Part, System, topology};
use ballet::{Clock, Event, Running, Service, Settings};
use ballet_stage::{Servers, TestEnv};
use ballet_store::inbox::stuck::{self, Stuck};
use outside::{Connection, Secrets};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::partner::{KEY, Partner};

/// For hangs, not for pace.
pub const SOON: Duration = Duration::from_secs(60);
/// How long a request to the partner may take. Too little for a busy machine now and then, which changes
/// nothing.
const REQUEST: Duration = Duration::from_secs(2);

/// A service, what it runs on, and whom it calls.
#[derive(Debug)]
pub struct Rig {
    pub env: TestEnv,
    pub partner: Partner,
    name: &'static str,
    client: Client,
    url: String,
    running: Running,
}

impl Rig {
    /// Starts the service of this part, alone.
    pub async fn new(test: &str, part: Part, partner: Partner, service: Service) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let name = part.service;
        let system = System { name: "shop", parts: vec![part] };
        let definitions = topology::definitions(&system, |_| String::new());
        let env = TestEnv::new(servers, test, &definitions, &[name]).await;
        let env = env.expect("a test environment");
        let settings = Settings::new(env.amqp_url(name), env.database_url(name));
        let running = service.start(settings).await.expect("started");
        let url = format!("http://{}", running.address());
        Self { env, partner, name, client: Client::new(), url, running }
    }

    /// Publishes an event of another service.
    pub async fn publish<E: Event>(&self, order_id: Uuid, event: &E) {
        let properties = json!({
            "message_id": new_id(),
            "correlation_id": order_id,
            "app_id": E::TYPE.service(),
            "content_type": "application/json",
        });
        let body = serde_json::to_string(event).expect("JSON");
        let management = self.env.management();
        management.publish("events", E::TYPE.name(), &properties, &body).await.expect("published");
    }

    /// What the service answers at a path.
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

    /// The key of the only effect at a path for an order.
    pub fn only_effect(&self, path: &str, order_id: Uuid) -> Uuid {
        let done = self.partner.done(path, &order_id.to_string());
        assert_eq!(done.len(), 1, "{path} of {order_id}: {done:?}");
        done[0].0
    }

    /// How many rows there are.
    pub async fn count(&self, what: &str) -> i64 {
        let count = AssertSqlSafe(format!("select count(*) from {what}"));
        sqlx::query_scalar(count).fetch_one(&mut self.database().await).await.expect("a count")
    }

    /// What is listed as stuck.
    pub async fn stuck(&self) -> Vec<Stuck> {
        stuck::list(&mut self.database().await, 100).await.expect("a list")
    }

    async fn database(&self) -> PgConnection {
        PgConnection::connect(self.env.database_url(self.name)).await.expect("connected")
    }

    pub async fn close(self) {
        self.running.stop().await;
        self.env.close().await.expect("closed");
    }
}

/// How a service reaches the partner.
pub fn connection(partner: &Partner) -> Connection {
    Connection {
        url: partner.url.parse().expect("an address"),
        key: secrets(KEY),
        ca_file: None,
        timeout: REQUEST,
    }
}

pub fn secrets(text: &str) -> Secrets {
    Secrets::of("A_SECRET", Some(text), None, 1).expect("secrets").expect("secrets")
}

/// A webhook: an operation has an outcome.
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
