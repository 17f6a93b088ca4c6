//! One test's shipping, and the carrier that it calls.

use std::sync::Arc;
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, Running, SagaId, Settings};
use ballet_ops::stuck;
use ballet_testkit::{Servers, TestEnv, wait_until};
use outside::{Connection, Secrets, Webhooks};
use reqwest::Client;
use serde_json::{Value, json};
use shipping::remote::Remote;
use shipping::sandbox::Sandbox;
use shop_events::OrderId;
use shop_events::orders::OrderConfirmed;
use shop_events::payments::PaymentAuthorized;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::partner::{KEY, Partner};
use crate::samples::{money, placed};

pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How long a request to the carrier may take. Too little for a busy machine now and then, which
/// changes nothing.
const REQUEST: Duration = Duration::from_secs(2);
const SECRET: &str = "the-secret-of-the-tests";

pub(crate) struct World {
    pub(crate) env: TestEnv,
    pub(crate) partner: Partner,
    client: Client,
    url: String,
    running: Running,
}

/// A carrier who does not go to Antarctica.
fn decides(path: &str, key: Uuid, request: &Value) -> Value {
    match path {
        "/shipments" if request["ship_to"]["country"] == "AQ" => {
            json!({ "result": "refused", "reason": "no_service_to_country" })
        }
        "/shipments" => json!({ "result": "booked", "tracking": format!("parcel_{key}") }),
        "/cancellations" => json!({ "result": "cancelled", "tracking": request["tracking"] }),
        "/deliveries" => json!({ "result": "delivered", "tracking": request["tracking"] }),
        other => panic!("{other} is no path of the carrier"),
    }
}

fn secrets(text: &str) -> Secrets {
    Secrets::of("A_SECRET", Some(text), None, 1).expect("secrets").expect("secrets")
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let parts = vec![shipping::participant(Sandbox::default()).part()];
        let definitions = topology::definitions(&System { name: "shop", parts }, |_| String::new());
        let env = TestEnv::new(servers, name, &definitions, &["shipping"]).await;
        let env = env.expect("a test environment");
        let partner = Partner::start(decides).await;
        let remote = Remote::new(Connection {
            url: partner.url.parse().expect("an address"),
            key: secrets(KEY),
            ca_file: None,
            timeout: REQUEST,
        });
        let webhooks = Webhooks::signed_with(Some(secrets(SECRET)), "CARRIER_WEBHOOK_SECRETS");
        let service = shipping::service_with(Arc::new(remote.expect("a carrier")), webhooks);
        let settings = Settings::new(env.amqp_url("shipping"), env.database_url("shipping"));
        let running = service.start(settings).await.expect("started");
        let url = format!("http://{}", running.address());
        Self { env, partner, client: Client::new(), url, running }
    }

    /// Publishes an event of another service.
    pub(crate) async fn publish<E: Event>(&self, order_id: Uuid, event: &E) {
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

    /// Lets shipping book a parcel for a new order.
    pub(crate) async fn order(&self, country: &str) -> Uuid {
        let order_id = new_id();
        let mut placed = placed(SagaId(order_id));
        placed.ship_to.country = country.parse().expect("a country");
        self.publish(order_id, &placed).await;
        let (order, amount) = (OrderId(order_id), money(1_500));
        self.publish(order_id, &PaymentAuthorized { order_id: order, amount }).await;
        order_id
    }

    /// Lets shipping hand it over.
    pub(crate) async fn confirm(&self, order_id: Uuid) {
        let confirmed = OrderConfirmed { order_id: OrderId(order_id), total: money(1_500) };
        self.publish(order_id, &confirmed).await;
    }

    pub(crate) async fn shipment(&self, order_id: Uuid) -> Value {
        let url = format!("{}/shipments/{order_id}", self.url);
        self.client.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until a shipment has a state.
    pub(crate) async fn shipment_is(&self, order_id: Uuid, state: &str) -> Value {
        let what = format!("the shipment of {order_id} to be {state}");
        wait_until(&what, SOON, || async {
            let shipment = self.shipment(order_id).await;
            if shipment["state"] == state { Ok(Some(shipment)) } else { Err(shipment.to_string()) }
        })
        .await
        .expect("the state")
    }

    /// The key of the only effect at a path for an order.
    pub(crate) fn only_effect(&self, path: &str, order_id: Uuid) -> Uuid {
        let done = self.partner.done(path, &order_id.to_string());
        assert_eq!(done.len(), 1, "{path} of {order_id}: {done:?}");
        done[0].0
    }

    /// Waits until there is a row.
    pub(crate) async fn until(&self, what: &str) {
        wait_until(what, SOON, || async {
            Ok::<_, String>((self.count(what).await > 0).then_some(()))
        })
        .await
        .expect("a row");
    }

    /// Sends a webhook as the carrier does.
    pub(crate) async fn webhook(&self, body: &Value) -> u16 {
        let (url, body) = (format!("{}/webhooks/carrier", self.url), body.to_string());
        let signature = outside::signature(SECRET, now(), body.as_bytes());
        let request = self.client.post(url).header("content-type", "application/json");
        let request = request.header("webhook-signature", signature).body(body);
        request.send().await.expect("an answer").status().as_u16()
    }

    /// How many rows there are.
    pub(crate) async fn count(&self, what: &str) -> i64 {
        let count = AssertSqlSafe(format!("select count(*) from {what}"));
        sqlx::query_scalar(count).fetch_one(&mut self.database().await).await.expect("a count")
    }

    async fn database(&self) -> PgConnection {
        PgConnection::connect(self.env.database_url("shipping")).await.expect("connected")
    }

    /// What is listed as stuck.
    pub(crate) async fn stuck(&self) -> Vec<String> {
        let all = stuck::list(&mut self.database().await, 100).await.expect("a list");
        all.into_iter().map(|stuck| stuck.detail).collect()
    }

    pub(crate) async fn close(self) {
        self.running.stop().await;
        self.env.close().await.expect("closed");
    }
}

pub(crate) fn now() -> jiff::Timestamp {
    Clock::system().now()
}

fn new_id() -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now())
}
