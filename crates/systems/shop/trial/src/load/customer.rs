//! A client of the gateway with its own token: a customer, or somebody behind the shop.

use std::time::Duration;

use anyhow::Result;
use ballet::Clock;
use ballet_trials::Gateway;
use reqwest::header::IF_MATCH;
use reqwest::{Client, RequestBuilder};
use serde::Serialize;
use serde_json::{Value, json};
use shop_events::OrderLine;
use shop_events::cart::CartCheckedOut;
use uuid::Uuid;

use crate::load::cases::{self, OrderCase};

pub(crate) const BUYS: &str = "orders:read orders:write";
pub(crate) const SELLS: &str = "products:write stock:write";
pub(crate) const SUPPORTS: &str = "orders:all";

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    /// The subject of the token, and so the customer of every order.
    pub(crate) id: Uuid,
    pub(crate) http: Client,
    pub(crate) shop: String,
    clock: Clock,
}

impl Customer {
    pub(crate) async fn new(gateway: &Gateway, scopes: &str, timeout: Duration) -> Result<Self> {
        let clock = Clock::system();
        let id = clock.new_id(clock.now());
        let http = gateway.client(&id.to_string(), scopes, timeout).await?;
        Ok(Self { id, http, shop: gateway.url.clone(), clock })
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.shop))
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.http.put(format!("{}{path}", self.shop))
    }

    pub(crate) fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    pub(crate) fn checkout(&self, case: &OrderCase, number: usize) -> Result<CartCheckedOut> {
        cases::checkout(case, number, self.id)
    }

    /// The request takes effect once, however often it is sent.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        let key = self.new_id().to_string();
        self.http.post(format!("{}{path}", self.shop)).header("Idempotency-Key", key)
    }

    pub(crate) fn post_json(&self, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.post(path).json(body)
    }

    /// The request checks the cart out as it was read.
    pub(crate) fn check_out(&self, cart: &Value, checkout: &CartCheckedOut) -> RequestBuilder {
        let path = format!("/carts/{}/checkout", cart["cart_id"].as_str().unwrap_or_default());
        let CartCheckedOut { card_token, ship_to, .. } = checkout;
        self.post(&path)
            .header(IF_MATCH, format!("\"{}\"", cart["version"]))
            .json(&json!({ "card_token": card_token, "ship_to": ship_to }))
    }
}

pub(crate) fn cart_of(checkout: &CartCheckedOut) -> Value {
    let item = |line: &OrderLine| json!({ "sku": line.sku, "quantity": line.quantity });
    let items: Vec<_> = checkout.lines.iter().map(item).collect();
    json!({ "customer_id": checkout.customer_id, "items": items })
}
