//! The recommendations service of one test, and the events of other services.

use std::ops::Deref;
use std::time::Duration;

use ballet::Event;
use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use shop_events::catalog::{ProductPublished, ProductWithdrawn};
use shop_events::orders::{OrderCancelled, OrderConfirmed, OrderPlaced};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(120);
/// So many messages are published at a time.
const SIDE_BY_SIDE: usize = 16;

pub(crate) struct TestRecommendations {
    system: TestSystem,
    client: Client,
}

impl Deref for TestRecommendations {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

#[derive(Debug, Clone)]
pub(crate) struct TestMessage {
    event_type: &'static str,
    message_id: Uuid,
    saga_id: Option<Uuid>,
    body: Value,
}

impl TestMessage {
    fn new<E: Event>(saga_id: Option<Uuid>, body: Value) -> Self {
        Self { event_type: E::TYPE.name(), message_id: new_id(), saga_id, body }
    }

    pub(crate) fn repeated(&self) -> Self {
        Self { message_id: new_id(), ..self.clone() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct TestOrder {
    pub(crate) order_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) skus: Vec<String>,
}

impl TestOrder {
    pub(crate) fn of<Sku: Into<String>>(skus: impl IntoIterator<Item = Sku>) -> Self {
        let skus = skus.into_iter().map(Into::into).collect();
        Self { order_id: new_id(), customer_id: new_id(), skus }
    }

    pub(crate) fn by(self, customer_id: Uuid) -> Self {
        Self { customer_id, ..self }
    }

    pub(crate) fn placed(&self) -> TestMessage {
        let price = json!({ "amount_minor": 100, "currency": "EUR" });
        let line = |sku: &String| json!({ "sku": sku, "quantity": 1, "unit_price": price });
        let lines: Vec<Value> = self.skus.iter().map(line).collect();
        let body = json!({
            "order_id": self.order_id, "customer_id": self.customer_id, "lines": lines,
            "total": price, "card_token": "card_approved",
            // A clock that is ahead.
            "placed_at": "2999-01-01T00:00:00Z",
            "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
                "city": "Dublin", "country": "IE" },
        });
        TestMessage::new::<OrderPlaced>(Some(self.order_id), body)
    }

    pub(crate) fn confirmed(&self) -> TestMessage {
        let total = json!({ "amount_minor": 100, "currency": "EUR" });
        let body = json!({ "order_id": self.order_id, "total": total });
        TestMessage::new::<OrderConfirmed>(Some(self.order_id), body)
    }

    pub(crate) fn cancelled(&self) -> TestMessage {
        let body = json!({ "order_id": self.order_id, "reason": "customer_cancelled" });
        TestMessage::new::<OrderCancelled>(Some(self.order_id), body)
    }

    pub(crate) fn sold(&self) -> [TestMessage; 2] {
        [self.placed(), self.confirmed()]
    }
}

pub(crate) fn published(sku: &str) -> TestMessage {
    TestMessage::new::<ProductPublished>(None, product(sku, 1))
}

pub(crate) fn withdrawn(sku: &str) -> TestMessage {
    TestMessage::new::<ProductWithdrawn>(None, product(sku, 2))
}

fn product(sku: &str, version: u32) -> Value {
    json!({ "sku": sku, "version": version, "title": format!("A {sku}"), "description": "",
        "price": { "amount_minor": 100, "currency": "EUR" }, "category": "all", "tags": [],
        "published_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z" })
}

impl TestRecommendations {
    pub(crate) async fn new(name: &str) -> Self {
        let parts = vec![recommendations::Recommendations::participant().part()];
        let mut system = TestSystem::asleep(name, parts).await;
        // Two replicas, each with lanes.
        for _ in 0..2 {
            system
                .start_with(recommendations::Recommendations::service(), |set| set.lanes = 2)
                .await;
        }
        Self { system, client: Client::new() }
    }

    /// Publishes in no particular order. Waits until all are handled.
    pub(crate) async fn take(&self, messages: impl IntoIterator<Item = TestMessage>) {
        let management = self.env.management();
        let messages: Vec<TestMessage> = messages.into_iter().collect();
        let ids: Vec<Uuid> = messages.iter().map(|message| message.message_id).collect();
        let publish = async |message: TestMessage| {
            let TestMessage { event_type, message_id, saga_id, body } = message;
            let mut properties = json!({ "type": event_type, "message_id": message_id,
                "content_type": "application/json", "delivery_mode": 2 });
            if let Some(saga_id) = saga_id {
                properties["correlation_id"] = json!(saga_id);
            }
            management.publish("events", event_type, &properties, body.to_string()).await
        };
        let published = stream::iter(messages).map(publish).buffer_unordered(SIDE_BY_SIDE);
        let routed: Vec<bool> = published.try_collect().await.expect("published");
        assert!(routed.into_iter().all(|routed| routed), "somebody follows each of them");
        self.have_come(&ids).await;
    }

    /// Publishes each when the one before is handled.
    pub(crate) async fn take_in_order(&self, messages: impl IntoIterator<Item = TestMessage>) {
        for message in messages {
            self.take([message]).await;
        }
    }

    async fn have_come(&self, ids: &[Uuid]) {
        let mut db = self.database().await;
        let db = tokio::sync::Mutex::new(&mut db);
        let handled = wait_until("all messages in the inbox", SOON, || async {
            let missing: (i64,) = sqlx::query_as(
                "select count(*) from unnest($1::uuid[]) as sent (message_id)
                 where not exists (select 1 from ballet.inbox as i where i.message_id = sent.message_id)",
            )
            .bind(ids)
            .fetch_one(&mut **db.lock().await)
            .await
            .map_err(|error| error.to_string())?;
            if missing.0 == 0 { Ok(Some(())) } else { Err(format!("{} are missing", missing.0)) }
        });
        if let Err(error) = handled.await {
            let dead = self.env.management().take("recommendations.dead", 10).await;
            panic!("{error}; dead letters: {dead:#?}");
        }
    }

    async fn database(&self) -> PgConnection {
        let url = self.env.database_url("recommendations");
        PgConnection::connect(url).await.expect("a session")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.url("recommendations"));
        self.client.get(url).send().await.expect("an answer")
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    pub(crate) async fn recommended(&self, path: &str) -> (String, Vec<String>) {
        let list = self.read(path).await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let items = list["items"].as_array().expect("a list").iter();
        (text(&list["basis"]), items.map(|item| text(&item["sku"])).collect())
    }

    pub(crate) async fn all<T>(&self, query: &'static str) -> Vec<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(query).fetch_all(&mut self.database().await).await.expect("rows")
    }

    pub(crate) async fn close(self) {
        self.system.close(0).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the other services of the shop")]
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}
