//! The shop of one test: its services in this process.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use ballet::{Clock, Service};
use ballet_stage::{Servers, wait_until};
use ballet_testkit::TestSystem;
use cart::config::CartSettings;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const CUSTOMER: &str = "0193f7a0-0000-7000-8000-00000000c001";

pub(crate) struct Shop {
    system: TestSystem,
    /// Somebody behind the shop.
    pub(crate) client: Client,
    options: ShopOptions,
    carrier: shipping::sandbox::Sandbox,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ShopOptions {
    pub(crate) lanes: u16,
    /// Services that do not run. A shop can be sound only if all run.
    pub(crate) without: &'static [&'static str],
}

pub(crate) const USUAL: ShopOptions = ShopOptions { lanes: 1, without: &[] };
/// The services that orders needs to accept an order.
pub(crate) const ORDERS_ALONE: ShopOptions =
    ShopOptions { without: &["cart", "payments", "recommendations", "shipping"], ..USUAL };
/// The participants of an order, and catalog.
pub(crate) const FOR_ORDERS: ShopOptions =
    ShopOptions { without: &["cart", "recommendations"], ..USUAL };
/// The provider's delay for a slow card.
const SLOW: Duration = Duration::from_millis(300);

impl Deref for Shop {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

impl DerefMut for Shop {
    fn deref_mut(&mut self) -> &mut TestSystem {
        &mut self.system
    }
}

impl Shop {
    /// Opens with ten mugs and five pens.
    pub(crate) async fn open(name: &str) -> Self {
        Self::with(name, USUAL).await
    }

    pub(crate) async fn asleep(name: &str, options: ShopOptions) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let system = TestSystem::prepared_on(servers, name, shop::system().parts).await;
        let carrier = shipping::sandbox::Sandbox::new(Duration::from_millis(20));
        Self { system, client: Client::new(), options, carrier }
    }

    /// Opens with ten mugs and five pens. Inventory and catalog run.
    pub(crate) async fn with(name: &str, options: ShopOptions) -> Self {
        let mut shop = Self::asleep(name, options).await;
        for part in shop::system().parts {
            if !options.without.contains(&part.service) {
                Box::pin(shop.start(part.service)).await;
            }
        }
        shop.receive_goods("mug", 10).await;
        shop.receive_goods("pen", 5).await;
        shop.offer("mug", 1_250).await;
        shop.offer("pen", 199).await;
        shop
    }

    /// Waits until the services that sell the product know it.
    pub(crate) async fn offer(&self, sku: &str, amount_minor: i64) {
        let url = format!("{}/products", self.url("catalog"));
        let product = json!({ "sku": sku, "title": format!("A {sku}"), "category": "kitchen",
            "price": { "amount_minor": amount_minor, "currency": "EUR" } });
        // A repeated request publishes no second product: it is refused.
        wait_until(&format!("{sku} to be published"), SOON, || async {
            let answer = self.client.post(&url).json(&product).send().await;
            let status = answer.map_err(|error| error.to_string())?.status();
            let is_there = status.is_success() || status == StatusCode::CONFLICT;
            if is_there { Ok(Some(())) } else { Err(status.to_string()) }
        })
        .await
        .expect("a product");
        self.wait_until_known(sku, 1).await;
    }

    /// Waits until the services that sell the product know this version, and have a complete copy.
    pub(crate) async fn wait_until_known(&self, sku: &str, version: i64) {
        let known = format!(
            "select (select count(*) > 0 from ballet.copy where id = '{sku}' and version >= {version})
                 and (select count(*) > 0 from ballet.copy_fill where filled_run is not null)"
        );
        for reader in ["orders", "cart"] {
            if self.services.iter().any(|running| running.service() == reader) {
                self.until(reader, &known, true).await;
            }
        }
    }

    pub(crate) async fn reprice(&self, sku: &str, version: i64, amount_minor: i64) {
        let price = json!({ "amount_minor": amount_minor, "currency": "EUR" });
        let change = self.client.put(format!("{}/products/{sku}/price", self.url("catalog")));
        let change = change.header("If-Match", format!("\"{version}\""));
        let changed = change.json(&price).send().await.expect("an answer");
        assert_eq!(changed.status(), StatusCode::OK);
        self.wait_until_known(sku, version + 1).await;
    }

    /// A repeated request counts once.
    pub(crate) async fn receive_goods(&self, sku: &str, quantity: u64) {
        wait_until(&format!("{sku} in stock"), SOON, || async {
            let answer = self.receive(sku, "note-1", quantity).await;
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            if status.is_success() { Ok(Some(())) } else { Err(format!("{status}: {text}")) }
        })
        .await
        .expect("goods");
    }

    pub(crate) async fn start(&mut self, name: &'static str) {
        let service = match name {
            // Long enough for everything.
            "orders" => orders::Orders(orders::config::DEADLINE.into()).service(),
            "cart" => cart::Carts(CartSettings::default()).service(),
            "catalog" => catalog::Catalog::service(),
            "inventory" => inventory::Inventory::service(),
            "payments" => payments::Payments::new(
                common::cards::Sandbox::new(self.env.database_url(name)).slow(SLOW),
            )
            .service(),
            "recommendations" => recommendations::Recommendations::service(),
            "shipping" => shipping::Shipping::new(self.carrier.clone()).service(),
            _ => panic!("{name} is no service of the shop"),
        };
        self.start_as(service).await;
    }

    pub(crate) async fn start_as(&mut self, service: Service) {
        let lanes = self.options.lanes;
        self.system.start_with(service, |settings| settings.lanes = lanes).await;
    }

    /// Starts a second replica. Returns the URLs of both.
    pub(crate) async fn second(&mut self, name: &'static str) -> [String; 2] {
        let first = self.url(name);
        self.start(name).await;
        let second = self.services.last().expect("a service").address();
        [first, format!("http://{second}")]
    }

    pub(crate) async fn close(self) {
        let dead = self.system.dead_letters(0).await.len();
        self.system.close(dead).await;
    }

    /// Stops the card processor from accepting requests until the returned connection is closed.
    pub(crate) async fn silent_provider(&self) -> PgConnection {
        let mut db = self.database("payments").await;
        let locked = db.execute("begin; lock table sandbox_operation in exclusive mode").await;
        locked.expect("its memory is locked");
        db
    }

    pub(crate) async fn receive(&self, sku: &str, receipt: &str, quantity: u64) -> Response {
        let body = json!({ "receipt": receipt, "quantity": quantity });
        self.post(&format!("{}/stock/{sku}/receive", self.url("inventory")), &body).await
    }

    pub(crate) async fn place(&self, checkout: &Value) -> Response {
        self.post(&format!("{}/orders", self.url("orders")), checkout).await
    }

    /// Places an order that has to be accepted, and returns its id. A request that found no connection to the
    /// database is repeated under the same key.
    pub(crate) async fn place_order(&self, checkout: &Value) -> String {
        self.place_order_under(&new_key(), checkout).await
    }

    /// Like `place_order`, under this key.
    pub(crate) async fn place_order_under(&self, key: &str, checkout: &Value) -> String {
        let url = format!("{}/orders", self.url("orders"));
        let response = wait_until("an order to be taken", SOON, || async {
            let response = self.post_under(key, &url, checkout).await;
            match response.status() {
                StatusCode::SERVICE_UNAVAILABLE => Err(response.text().await.unwrap_or_default()),
                _ => Ok(Some(response)),
            }
        });
        let response = response.await.expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED);
        let location = response.headers()["location"].to_str().expect("text").to_owned();
        let body: Value = response.json().await.expect("JSON");
        let order_id = body["order_id"].as_str().expect("an id").to_owned();
        assert_eq!(location, format!("/orders/{order_id}"));
        order_id
    }

    pub(crate) async fn cancel(&self, order_id: &str) -> Response {
        self.post(&format!("{}/orders/{order_id}/cancel", self.url("orders")), &json!({})).await
    }

    /// Publishes as a program in any language would.
    pub(crate) async fn drop_checkout(&self, properties: &Value, checkout: &Value) {
        let body = checkout.to_string();
        let key = "cart.checked_out.v1";
        let published = self.env.management().publish("events", key, properties, &body).await;
        published.expect("published");
    }

    pub(crate) async fn order(&self, order_id: &str) -> Value {
        self.get("orders", &format!("/orders/{order_id}")).await.1
    }

    pub(crate) async fn orders(&self, query: &str) -> Value {
        self.get("orders", &format!("/orders{query}")).await.1
    }

    pub(crate) async fn payment(&self, order_id: &str) -> Value {
        self.get("payments", &format!("/payments/{order_id}")).await.1
    }

    pub(crate) async fn stock(&self, sku: &str) -> Value {
        self.get("inventory", &format!("/stock/{sku}")).await.1
    }

    pub(crate) async fn order_is(&self, order_id: &str, status: &str) -> Value {
        wait_until(&format!("order {order_id} to be {status}"), SOON, || async {
            let order = self.order(order_id).await;
            if order["status"] == status { Ok(Some(order)) } else { Err(order.to_string()) }
        })
        .await
        .expect("the status")
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Response {
        self.post_under(&new_key(), url, body).await
    }

    /// Orders identifies an order by its key.
    async fn post_under(&self, key: &str, url: &str, body: &Value) -> Response {
        let request = self.client.post(url).header("Idempotency-Key", key);
        request.json(body).send().await.expect("an answer")
    }
}

fn new_key() -> String {
    let clock = Clock::system();
    clock.new_id(clock.now()).to_string()
}

pub(crate) fn mugs(quantity: u32, card_token: &str) -> Value {
    json!({
        "customer_id": CUSTOMER,
        "lines": [line("mug", quantity, 1250)],
        "card_token": card_token,
        "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
            "city": "Dublin", "country": "IE" },
    })
}

pub(crate) fn line(sku: &str, quantity: u32, amount_minor: i64) -> Value {
    json!({ "sku": sku, "quantity": quantity,
        "unit_price": { "amount_minor": amount_minor, "currency": "EUR" } })
}
