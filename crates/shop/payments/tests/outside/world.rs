//! One test's payments, and the card processor that it calls.

use std::sync::Arc;
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, Running, SagaId, Settings};
use ballet_ops::stuck;
use ballet_testkit::{Method, Servers, TestEnv, wait_until};
use outside::{Connection, Secrets, Webhooks};
use payments::remote::Remote;
use payments::sandbox::Sandbox;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use shop_events::OrderId;
use shop_events::ShipmentId;
use shop_events::inventory::StockReserved;
use shop_events::orders::OrderPlaced;
use shop_events::shipping::ShipmentScheduled;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::partner::{KEY, Partner};
use crate::samples::placed;

pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How long a request to the processor may take. Too little for a busy machine now and then, which
/// changes nothing.
const REQUEST: Duration = Duration::from_secs(2);
const PROBE: &str = "probe";

pub(crate) const NEW_SECRET: &str = "the-new-secret-of-the-tests";
pub(crate) const OLD_SECRET: &str = "the-old-secret-of-the-tests";

pub(crate) struct World {
    pub(crate) env: TestEnv,
    pub(crate) partner: Partner,
    pub(crate) client: Client,
    pub(crate) url: String,
    running: Running,
}

/// A processor that approves every card but one.
fn decides(path: &str, key: Uuid, request: &Value) -> Value {
    match path {
        "/authorizations" if request["card_token"] == "card_declined" => {
            json!({ "result": "declined", "reason": "card_declined" })
        }
        "/authorizations" => json!({ "result": "approved", "reference": format!("auth_{key}") }),
        "/captures" => json!({ "result": "captured", "reference": request["reference"] }),
        "/voids" => json!({ "result": "voided", "reference": request["reference"] }),
        "/refunds" => json!({ "result": "refunded", "reference": request["reference"] }),
        other => panic!("{other} is no path of the processor"),
    }
}

fn secrets(text: &str) -> Secrets {
    Secrets::of("A_SECRET", Some(text), None, 1).expect("secrets").expect("secrets")
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let parts = vec![payments::participant(Sandbox::default()).part()];
        let definitions = topology::definitions(&System { name: "shop", parts }, |_| String::new());
        let env = TestEnv::new(servers, name, &definitions, &["payments"]).await;
        let env = env.expect("a test environment");
        let (durable, all) = (json!({ "durable": true }), json!({ "routing_key": "payments.#" }));
        let management = env.management();
        let queue = ["queues", env.vhost(), PROBE];
        management.call(Method::PUT, &queue, Some(&durable)).await.expect("a queue");
        let binding = ["bindings", env.vhost(), "e", "events", "q", PROBE];
        management.call(Method::POST, &binding, Some(&all)).await.expect("a binding");

        let partner = Partner::start(decides).await;
        let remote = Remote::new(Connection {
            url: partner.url.parse().expect("an address"),
            key: secrets(KEY),
            ca_file: None,
            timeout: REQUEST,
        });
        let signed = secrets(&format!("{NEW_SECRET},{OLD_SECRET}"));
        let webhooks = Webhooks::signed_with(Some(signed), "PAYMENT_WEBHOOK_SECRETS");
        let service = payments::service_with(Arc::new(remote.expect("a processor")), webhooks);
        let settings = Settings::new(env.amqp_url("payments"), env.database_url("payments"));
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

    /// Lets payments ask for the money of a new order.
    pub(crate) async fn order(&self, card: &str) -> Uuid {
        let order_id = new_id();
        let placed = OrderPlaced { card_token: card.to_owned(), ..placed(SagaId(order_id)) };
        self.publish(order_id, &placed).await;
        let order = OrderId(order_id);
        self.publish(order_id, &StockReserved { order_id: order, lines: Vec::new() }).await;
        order_id
    }

    /// Lets payments take it.
    pub(crate) async fn ship(&self, order_id: Uuid) {
        let (order, shipment_id) = (OrderId(order_id), ShipmentId(order_id));
        self.publish(order_id, &ShipmentScheduled { order_id: order, shipment_id }).await;
    }

    /// The payment of an order.
    pub(crate) async fn payment(&self, order_id: Uuid) -> Value {
        let url = format!("{}/payments/{order_id}", self.url);
        self.client.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until a payment has a state.
    pub(crate) async fn payment_is(&self, order_id: Uuid, state: &str) -> Value {
        let what = format!("the payment of {order_id} to be {state}");
        wait_until(&what, SOON, || async {
            let payment = self.payment(order_id).await;
            if payment["state"] == state { Ok(Some(payment)) } else { Err(payment.to_string()) }
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

    /// Waits until the processor has been asked to act at a path for an order.
    pub(crate) async fn is_asked(&self, path: &str, order_id: Uuid) -> Uuid {
        wait_until("the processor to be asked", SOON, || async {
            let done = self.partner.done(path, &order_id.to_string());
            Ok::<_, String>(done.first().map(|(key, _)| *key))
        })
        .await
        .expect("a request")
    }

    /// Sends a body to the route for webhooks, with this signature.
    pub(crate) async fn send(&self, signatures: &[String], body: &str) -> Response {
        let url = format!("{}/webhooks/payment-provider", self.url);
        let request = self.client.post(url).header("content-type", "application/json");
        let request = signatures
            .iter()
            .fold(request, |request, one| request.header("webhook-signature", one));
        request.body(body.to_owned()).send().await.expect("an answer")
    }

    /// Sends a webhook as the processor does.
    pub(crate) async fn webhook(&self, body: &Value) -> u16 {
        let body = body.to_string();
        let signed = outside::signature(NEW_SECRET, now(), body.as_bytes());
        self.send(&[signed], &body).await.status().as_u16()
    }

    /// How many rows there are.
    pub(crate) async fn count(&self, what: &str) -> i64 {
        let mut db = self.database().await;
        let count = AssertSqlSafe(format!("select count(*) from {what}"));
        sqlx::query_scalar(count).fetch_one(&mut db).await.expect("a count")
    }

    pub(crate) async fn database(&self) -> PgConnection {
        PgConnection::connect(self.env.database_url("payments")).await.expect("connected")
    }

    /// Waits until a call to the processor is listed as stuck because of this.
    pub(crate) async fn is_stuck(&self, order_id: Uuid, why: &str) {
        wait_until(&format!("a call that is stuck: {why}"), SOON, || async {
            let mut db = self.database().await;
            let all = stuck::list(&mut db, 100).await.map_err(|error| error.to_string())?;
            let of_order = all.iter().find(|one| one.saga_id == Some(SagaId(order_id)));
            match of_order {
                Some(stuck) if stuck.detail.contains(why) => {
                    assert!(!stuck.detail.contains(KEY), "{}", stuck.detail);
                    Ok(Some(()))
                }
                other => Err(format!("{:?}", other.map(|stuck| &stuck.detail))),
            }
        })
        .await
        .expect("stuck");
    }

    /// The events that payments published, as type and order. They are gone afterwards.
    pub(crate) async fn events(&self, count: usize) -> Vec<(String, String)> {
        let depth = || async {
            let depth = self.env.management().peek(PROBE, 1000).await;
            let found = depth.map_err(|error| error.to_string())?.len();
            if found >= count { Ok(Some(())) } else { Err(format!("{found} events")) }
        };
        wait_until(&format!("{count} events"), SOON, depth).await.expect("events");
        let taken = self.env.management().take(PROBE, 1000).await.expect("events");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = |event: &Value| {
            (text(&event["routing_key"]), text(&event["properties"]["correlation_id"]))
        };
        taken.iter().map(told).collect()
    }

    pub(crate) async fn close(self) {
        self.running.stop().await;
        self.env.close().await.expect("closed");
    }
}

pub(crate) fn now() -> jiff::Timestamp {
    Clock::system().now()
}

pub(crate) fn new_id() -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now())
}
