//! The cart service of one test, the products that it copies, and a queue with all its events.

use std::ops::Deref;
use std::time::Duration;

use ballet_stage::wait_until;
use ballet_testkit::TestSystem;
use cart::config::CartSettings;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(60);
const CUSTOMER: &str = "0193f7a0-0000-7000-8000-00000000c001";

pub(crate) struct TestCart {
    system: TestSystem,
    url: String,
    client: Client,
}

impl Deref for TestCart {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

impl TestCart {
    /// Starts with a mug at 12.50 and a pot at 30.00.
    pub(crate) async fn new(name: &str) -> Self {
        let system =
            TestSystem::new(name, vec![cart::Carts(CartSettings::default()).service()]).await;
        let (url, client) = (system.url("cart"), Client::new());
        let service = Self { system, url, client };
        service.publish_price("mug", 1, euros(1_250)).await;
        service.publish_price("pot", 1, euros(3_000)).await;
        service
    }

    pub(crate) async fn publish_event(
        &self,
        event_type: &str,
        saga_id: Option<&str>,
        body: &Value,
    ) {
        let mut properties = json!({ "type": event_type, "message_id": new_id(),
            "content_type": "application/json" });
        if let Some(saga_id) = saga_id {
            properties["correlation_id"] = json!(saga_id);
        }
        self.publish_raw(event_type, &properties, body.to_string()).await;
    }

    /// Waits until the copy has it.
    pub(crate) async fn publish_price(&self, sku: &str, version: i64, price: Value) {
        let what = if version == 1 { "published" } else { "price_changed" };
        self.product(what, sku, version, price).await;
    }

    /// Waits until the copy knows it.
    pub(crate) async fn withdraw_product(&self, sku: &str, version: i64) {
        self.product("withdrawn", sku, version, euros(1)).await;
    }

    async fn product(&self, what: &str, sku: &str, version: i64, price: Value) {
        let product = json!({ "sku": sku, "version": version, "title": format!("A {sku}"),
            "description": "", "price": price, "category": "home", "tags": [],
            "published_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z" });
        self.publish_event(&format!("catalog.product_{what}.v1"), None, &product).await;
        let known = format!(
            "select count(*) > 0 from ballet.copy where id = '{sku}' and version >= {version}"
        );
        self.until("cart", &known, true).await;
    }

    pub(crate) async fn remove_from_copy(&self, sku: &str) {
        self.execute("cart", &format!("delete from ballet.copy where id = '{sku}'")).await;
    }

    pub(crate) async fn wait_until_handled(&self) {
        // There is one lane, so this message comes after all earlier ones.
        self.publish_price(&new_id(), 1, euros(1)).await;
    }

    pub(crate) async fn open_cart(&self, items: &[(&str, u32)]) -> Value {
        let response = self.open(&json!({ "customer_id": CUSTOMER, "items": lines(items) })).await;
        let status = response.status();
        let location = response.headers().get("location").cloned();
        let cart: Value = response.json().await.expect("JSON");
        assert_eq!(status, StatusCode::CREATED, "{cart}");
        let path = format!("/carts/{}", id(&cart));
        assert_eq!(location.expect("a location").to_str().expect("text"), path);
        cart
    }

    pub(crate) async fn open(&self, body: &Value) -> Response {
        answer(self.client.post(format!("{}/carts", self.url)).json(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn cart(&self, cart_id: &str) -> Value {
        let response = self.get(&format!("/carts/{cart_id}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.expect("JSON")
    }

    pub(crate) async fn put(
        &self,
        cart_id: &str,
        sku: &str,
        quantity: impl Into<Value>,
    ) -> Response {
        let request = self.client.put(format!("{}/carts/{cart_id}/items/{sku}", self.url));
        answer(request.json(&json!({ "quantity": quantity.into() }))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        answer(self.client.delete(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn check_out(&self, cart_id: &str, version: i64) -> Response {
        self.check_out_as(cart_id, Some(&format!("\"{version}\"")), &terms("card_approved")).await
    }

    pub(crate) async fn check_out_as(
        &self,
        cart_id: &str,
        tag: Option<&str>,
        terms: &Value,
    ) -> Response {
        let request = self.client.post(format!("{}/carts/{cart_id}/checkout", self.url));
        let request = request.json(terms);
        answer(match tag {
            Some(tag) => request.header("If-Match", tag),
            None => request,
        })
        .await
    }

    /// Checks out what has to become an order. Returns the order's id.
    pub(crate) async fn check_out_order(&self, cart_id: &str, version: i64) -> String {
        let response = self.check_out(cart_id, version).await;
        let status = response.status();
        let checkout: Value = response.json().await.expect("JSON");
        assert_eq!(status, StatusCode::CREATED, "{checkout}");
        checkout["order_id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn cancel_order(&self, order_id: &str, reason: &str) {
        let event = json!({ "order_id": order_id, "reason": reason, "detail": "because" });
        self.publish_event("orders.order_cancelled.v1", Some(order_id), &event).await;
    }

    pub(crate) async fn confirm_order(&self, order_id: &str) {
        let event = json!({ "order_id": order_id, "total": euros(1_250) });
        self.publish_event("orders.order_confirmed.v1", Some(order_id), &event).await;
    }

    pub(crate) async fn cart_is(&self, cart_id: &str, status: &str) -> Value {
        let cart = wait_until("a status", SOON, || async {
            let cart = self.cart(cart_id).await;
            if cart["status"] == status { Ok(Some(cart)) } else { Err(cart.to_string()) }
        });
        cart.await.expect("the status")
    }

    /// Waits for this many of a type, and checks that there are no more.
    pub(crate) async fn events(&self, event_type: &str, count: usize) -> Vec<Value> {
        let found = wait_until("events", SOON, || async {
            let mut found = self.seen().await;
            found.retain(|event| event["properties"]["type"] == event_type);
            if found.len() < count {
                Err(format!("{} events", found.len()))
            } else {
                Ok(Some(found))
            }
        });
        let found = found.await.expect("the events");
        assert_eq!(found.len(), count, "{found:#?}");
        found
    }

    pub(crate) async fn close(self) {
        self.system.close(0).await;
    }
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

pub(crate) fn body(event: &Value) -> Value {
    serde_json::from_str(event["payload"].as_str().expect("text")).expect("JSON")
}

pub(crate) fn tag(response: &Response) -> &str {
    response.headers()["etag"].to_str().expect("text")
}

pub(crate) fn id(cart: &Value) -> &str {
    cart["cart_id"].as_str().expect("an id")
}

pub(crate) async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    response.json().await.expect("JSON")
}

pub(crate) async fn detail(response: Response) -> String {
    problem(response).await["detail"].as_str().expect("a sentence").to_owned()
}

pub(crate) fn euros(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "EUR" })
}

pub(crate) fn lines(items: &[(&str, u32)]) -> Value {
    items.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect()
}

pub(crate) fn terms(card_token: &str) -> Value {
    json!({ "card_token": card_token, "ship_to": { "name": "Ada", "street": "Main Street 1",
        "postal_code": "D02", "city": "Dublin", "country": "IE" } })
}

#[expect(clippy::disallowed_methods, reason = "a producer outside of the service")]
pub(crate) fn new_id() -> String {
    Uuid::now_v7().to_string()
}
