//! One test's shop: its services in this process, in a world of their own.

use std::time::Duration;

use ballet::core::topology;
use ballet::{Running, Service, Settings};
use ballet_testkit::{Bed, Servers, wait_until};
use jiff::SignedDuration;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use shop::audit::{Doors, Report, audit};

const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Shop {
    pub(crate) bed: Bed,
    client: Client,
    doors: Doors,
    services: Vec<Running>,
}

impl Shop {
    /// Opens a shop with ten mugs and five pens.
    pub(crate) async fn open(name: &str) -> Self {
        Self::with_lanes(name, 1).await
    }

    /// The same, with services that work on so many sagas side by side.
    pub(crate) async fn with_lanes(name: &str, lanes: u16) -> Self {
        Self::with(name, 1, lanes).await
    }

    /// The same, with so many replicas of each service.
    pub(crate) async fn with(name: &str, replicas: usize, lanes: u16) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let system = shop::system();
        let names: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&system, |_| String::new());
        let bed = Bed::new(servers, name, &definitions, &names).await.expect("a bed");
        let carrier = shipping::sandbox::Sandbox::new(Duration::from_millis(20));
        let mut running = Vec::new();
        for _ in 0..replicas {
            let sandbox = payments::sandbox::Sandbox::new(bed.database_url("payments"))
                .slow(Duration::from_millis(300));
            let services = [
                ("orders", orders::service()),
                ("inventory", inventory::service()),
                ("payments", payments::service(sandbox)),
                ("shipping", shipping::service(carrier.clone())),
            ];
            for (name, service) in services {
                running.push(start(&bed, name, service, lanes).await);
            }
        }
        let url = |at: usize| format!("http://{}", running[at].address());
        let doors = Doors { orders: url(0), inventory: url(1), payments: url(2), shipping: url(3) };
        let shop = Self { bed, client: Client::new(), doors, services: running };
        shop.receive("mug", "note-1", 10).await;
        shop.receive("pen", "note-1", 5).await;
        shop
    }

    pub(crate) async fn receive(&self, sku: &str, receipt: &str, quantity: u64) -> Response {
        let body = json!({ "receipt": receipt, "quantity": quantity });
        self.post(&format!("{}/stock/{sku}/receive", self.doors.inventory), &body).await
    }

    pub(crate) async fn place(&self, checkout: &Value) -> Response {
        self.post(&format!("{}/orders", self.doors.orders), checkout).await
    }

    /// Places an order that has to be taken, and gives its id.
    pub(crate) async fn placed(&self, checkout: &Value) -> String {
        let response = self.place(checkout).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let location = response.headers()["location"].to_str().expect("text").to_owned();
        let body: Value = response.json().await.expect("JSON");
        let order_id = body["order_id"].as_str().expect("an id").to_owned();
        assert_eq!(location, format!("/orders/{order_id}"));
        order_id
    }

    pub(crate) async fn cancel(&self, order_id: &str) -> Response {
        self.post(&format!("{}/orders/{order_id}/cancel", self.doors.orders), &json!({})).await
    }

    /// Drops a message on the exchange for events, as a program in any language would.
    pub(crate) async fn drop_checkout(&self, properties: &Value, checkout: &Value) {
        let body = checkout.to_string();
        let key = "cart.checked_out.v1";
        let published = self.bed.management().publish("events", key, properties, &body).await;
        published.expect("published");
    }

    pub(crate) async fn order(&self, order_id: &str) -> Value {
        self.get(&format!("{}/orders/{order_id}", self.doors.orders)).await
    }

    pub(crate) async fn orders(&self, query: &str) -> Value {
        self.get(&format!("{}/orders{query}", self.doors.orders)).await
    }

    pub(crate) async fn payment(&self, order_id: &str) -> Value {
        self.get(&format!("{}/payments/{order_id}", self.doors.payments)).await
    }

    pub(crate) async fn stock(&self, sku: &str) -> Value {
        self.get(&format!("{}/stock/{sku}", self.doors.inventory)).await
    }

    /// Waits until an order has a status.
    pub(crate) async fn order_is(&self, order_id: &str, status: &str) -> Value {
        wait_until(&format!("order {order_id} to be {status}"), SOON, || async {
            let order = self.order(order_id).await;
            if order["status"] == status { Ok(Some(order)) } else { Err(order.to_string()) }
        })
        .await
        .expect("the status")
    }

    /// Waits until everything is at rest and nothing is wrong.
    pub(crate) async fn is_sound(&self) -> Report {
        wait_until("a shop at rest without violations", SOON, || async {
            let report =
                audit(&self.doors, SignedDuration::ZERO).await.map_err(|e| e.to_string())?;
            let at_rest = report.open.is_empty() && report.is_clean();
            if at_rest { Ok(Some(report)) } else { Err(report.to_string()) }
        })
        .await
        .expect("a sound shop")
    }

    /// How many messages lie in the services' dead-letter queues.
    pub(crate) async fn dead_letters(&self) -> usize {
        let mut dead = 0;
        for part in shop::system().parts {
            let queue = topology::dead_queue(part.service);
            dead += self.bed.management().take(&queue, 1000).await.expect("an answer").len();
        }
        dead
    }

    /// Ends all services properly, and the world with them.
    pub(crate) async fn close(self) {
        for service in self.services {
            service.stop().await;
        }
        self.bed.close().await.expect("closed");
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Response {
        self.client.post(url).json(body).send().await.expect("an answer")
    }

    async fn get(&self, url: &str) -> Value {
        let response = self.client.get(url).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }
}

async fn start(bed: &Bed, name: &str, service: Service, lanes: u16) -> Running {
    let settings = Settings::new(bed.amqp_url(name), bed.database_url(name));
    let settings = Settings { lanes, ..settings };
    service.start(settings).await.expect("started")
}

/// A checkout of mugs at 12.50.
pub(crate) fn mugs(quantity: u32, card_token: &str) -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
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
