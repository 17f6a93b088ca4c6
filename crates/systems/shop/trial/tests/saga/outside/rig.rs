//! One service, with the company that it calls.

use std::ops::Deref;
use std::time::Duration;

use ballet::core::Part;
use ballet::{Clock, SagaId, Service};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck::{self, StuckEntry};
use ballet_testkit::TestSystem;
use common::outside::{ApiConnection, Secrets, Webhooks};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use shop_events::orders::{CancelReason, OrderCancelled, OrderPlaced};
use shop_events::{Address, CustomerId, Money, OrderId};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::outside::partner::{KEY, Partner};
use crate::shop::SOON;

pub(crate) const NEW_SECRET: &str = "the-new-secret-of-the-tests";
pub(crate) const OLD_SECRET: &str = "the-old-secret-of-the-tests";
/// A busy machine exceeds it now and then, which changes nothing.
const REQUEST: Duration = Duration::from_secs(1);

pub(crate) struct Rig {
    system: TestSystem,
    pub(crate) partner: Partner,
    routes: Routes,
    client: Client,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Routes {
    pub(crate) service: &'static str,
    /// One row for each order.
    pub(crate) rows: &'static str,
    pub(crate) webhooks: &'static str,
}

impl Deref for Rig {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

impl Rig {
    pub(crate) async fn new(
        test: &str,
        part: Part,
        routes: Routes,
        partner: Partner,
        service: Service,
    ) -> Self {
        let mut system = TestSystem::asleep(test, vec![part]).await;
        system.start(service).await;
        Self { system, partner, routes, client: Client::new() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.system.url(self.routes.service))
    }

    pub(crate) async fn row(&self, order_id: Uuid) -> Value {
        let url = self.url(&format!("{}/{order_id}", self.routes.rows));
        self.client.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    pub(crate) async fn row_is(&self, order_id: Uuid, state: &str) {
        let what = format!("{}/{order_id} to be {state}", self.routes.rows);
        wait_until(&what, SOON, || async {
            let row = self.row(order_id).await;
            if row["state"] == state { Ok(Some(())) } else { Err(row.to_string()) }
        })
        .await
        .expect("the state");
    }

    pub(crate) async fn send(&self, signatures: &[String], body: &str) -> Response {
        let request = self.client.post(self.url(self.routes.webhooks));
        let request = request.header("content-type", "application/json");
        let request = signatures
            .iter()
            .fold(request, |request, one| request.header("webhook-signature", one));
        request.body(body.to_owned()).send().await.expect("an answer")
    }

    pub(crate) async fn webhook(&self, body: &Value) -> u16 {
        let body = body.to_string();
        let signed = ballet_http::signature::sign(NEW_SECRET, now().as_second(), body.as_bytes());
        self.send(&[signed], &body).await.status().as_u16()
    }

    pub(crate) async fn cancel(&self, order_id: Uuid) {
        let reason = CancelReason::CustomerCancelled;
        let (order, failed_step, detail) = (OrderId(order_id), None, None);
        let cancelled = OrderCancelled { order_id: order, reason, failed_step, detail };
        self.publish(order_id, &cancelled).await;
    }

    /// Waits for a request at a path for an order. Returns its key.
    pub(crate) async fn is_asked(&self, path: &str, order_id: Uuid) -> Uuid {
        wait_until("the partner to be asked", SOON, || async {
            let done = self.partner.operations(path, &order_id.to_string());
            Ok::<_, String>(done.first().map(|(key, _)| *key))
        })
        .await
        .expect("a request")
    }

    pub(crate) fn only_effect(&self, path: &str, order_id: Uuid) -> Uuid {
        let done = self.partner.operations(path, &order_id.to_string());
        assert_eq!(done.len(), 1, "{path} of {order_id}: {done:?}");
        done[0].0
    }

    /// Waits until a call has no outcome yet, which is no failure.
    pub(crate) async fn is_waiting(&self) {
        let waiting = "select count(*) from ballet.call \
                       where attempts = 0 and last_error like '%no outcome yet%'";
        self.until(self.routes.service, waiting, 1).await;
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        self.value(self.routes.service, &format!("select count(*) from {what}")).await
    }

    pub(crate) async fn stuck(&self) -> Vec<StuckEntry> {
        let db = PgConnection::connect(self.env.database_url(self.routes.service)).await;
        stuck::list(&mut db.expect("connected"), 100).await.expect("a list")
    }

    pub(crate) async fn is_stuck(&self, order_id: Uuid, why: &str) {
        wait_until(&format!("a call that is stuck: {why}"), SOON, || async {
            let all = self.stuck().await;
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

    pub(crate) async fn close(self) {
        self.system.close(0).await;
    }
}

pub(crate) fn connection(partner: &Partner) -> ApiConnection {
    ApiConnection {
        url: partner.url.parse().expect("an address"),
        key: secrets(KEY),
        ca_file: None,
        timeout: REQUEST,
    }
}

/// Accepts webhooks that one of both secrets has signed.
pub(crate) fn signed_by_both() -> Webhooks {
    Webhooks::signed_with(Some(secrets(&format!("{NEW_SECRET},{OLD_SECRET}"))), "WEBHOOK_SECRETS")
}

pub(crate) fn secrets(text: &str) -> Secrets {
    Secrets::of("A_SECRET", Some(text), None, 1).expect("secrets").expect("secrets")
}

/// Makes a webhook that says that an operation has an outcome.
pub(crate) fn finished(order_id: Uuid, key: Uuid) -> Value {
    json!({ "type": "operation.finished", "order_id": order_id, "idempotency_key": key })
}

pub(crate) fn now() -> jiff::Timestamp {
    Clock::system().now()
}

pub(crate) fn new_id() -> Uuid {
    let clock = Clock::system();
    clock.new_id(clock.now())
}

/// Makes an order without goods, for services that do not need them.
pub(crate) fn placed(order_id: Uuid) -> OrderPlaced {
    OrderPlaced {
        order_id: OrderId(order_id),
        customer_id: CustomerId(order_id),
        lines: Vec::new(),
        total: money(1_500),
        card_token: "card_approved".to_owned(),
        ship_to: Address {
            name: "Ada".to_owned(),
            street: "Main Street 1".to_owned(),
            postal_code: String::new(),
            city: "Dublin".to_owned(),
            country: "IE".parse().expect("a country"),
        },
        placed_at: now(),
    }
}

pub(crate) fn money(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "EUR".parse().expect("a currency") }
}
