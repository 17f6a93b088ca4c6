//! A client of the gateway with its own token: a customer, or somebody behind the shop.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::Clock;
use ballet_stage::wait_until;
use reqwest::header::{IF_MATCH, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use shop_events::OrderLine;
use shop_events::cart::CartCheckedOut;
use uuid::Uuid;

use crate::load::cases::{self, ExpectedEnd, OrderCase};
use ballet_trials::{Gateway, send_until_answered};

/// The scopes of a customer.
pub(crate) const BUYS: &str = "orders:read orders:write";
/// The scopes of merchants.
pub(crate) const SELLS: &str = "products:write stock:write";
/// The scopes of customer support.
pub(crate) const SUPPORTS: &str = "orders:all";

/// The limit for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The time for which the way to the shop may be broken.
const BROKEN: Duration = Duration::from_secs(300);
/// The time that an order may take on a busy machine.
const ENDED: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(100);

/// A person or program with a token.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    /// The subject of the token, and so the customer of every order.
    pub(crate) id: Uuid,
    /// Sends the token with each request.
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

    /// Returns this customer's checkout for the order with this number.
    pub(crate) fn checkout(&self, case: &OrderCase, number: usize) -> Result<CartCheckedOut> {
        cases::checkout(case, number, self.id)
    }

    /// Returns a request that takes effect once, however often it is sent.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        let key = self.new_id().to_string();
        self.http.post(format!("{}{path}", self.shop)).header("Idempotency-Key", key)
    }

    pub(crate) fn post_json(&self, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.post(path).json(body)
    }

    /// Fills a cart with the lines of a checkout, and checks it out at the prices that it shows. Returns the order.
    pub(crate) async fn buy_by_cart(&self, checkout: &CartCheckedOut) -> Result<Uuid> {
        let begun = Instant::now();
        let cart = loop {
            let (status, body) = patiently(|| self.post_json("/carts", &cart_of(checkout))).await?;
            // Cart may not know a product yet that was published a moment ago.
            let unknown = status == StatusCode::UNPROCESSABLE_ENTITY && begun.elapsed() < BROKEN;
            match serde_json::from_str::<Value>(&body) {
                Ok(cart) if status == StatusCode::CREATED => break cart,
                Ok(_) | Err(_) if unknown => tokio::time::sleep(PAUSE).await,
                Ok(_) | Err(_) => bail!("POST /carts answered {status}: {body}"),
            }
        };
        let (status, body) = patiently(|| self.check_out(&cart, checkout)).await?;
        let placed: Value = serde_json::from_str(&body).unwrap_or_default();
        let order = placed["order_id"].as_str().and_then(|id| id.parse().ok());
        let order = order.filter(|_| status.is_success());
        order.with_context(|| format!("a checkout was answered with {status}: {body}"))
    }

    /// Returns the request that checks out a cart as it was read.
    pub(crate) fn check_out(&self, cart: &Value, checkout: &CartCheckedOut) -> RequestBuilder {
        let path = format!("/carts/{}/checkout", cart["cart_id"].as_str().unwrap_or_default());
        let CartCheckedOut { card_token, ship_to, .. } = checkout;
        self.post(&path)
            .header(IF_MATCH, format!("\"{}\"", cart["version"]))
            .json(&json!({ "card_token": card_token, "ship_to": ship_to }))
    }

    /// Places an order, and returns its id.
    pub(crate) async fn buy(&self, checkout: &CartCheckedOut) -> Result<Uuid> {
        let (status, body) = patiently(|| self.post_json("/orders", checkout)).await?;
        let order: Value = serde_json::from_str(&body).unwrap_or_default();
        let id: Option<Uuid> = order["order_id"].as_str().and_then(|id| id.parse().ok());
        match id.filter(|_| status == StatusCode::CREATED) {
            Some(id) => Ok(id),
            None => bail!("POST /orders answered {status}: {body}"),
        }
    }

    /// Returns the status of an order.
    pub(crate) async fn status(&self, order: Uuid) -> Result<String> {
        let path = format!("/orders/{order}");
        let (status, body) = patiently(|| self.get(&path)).await?;
        let read: Value = serde_json::from_str(&body).unwrap_or_default();
        let found = read["status"].as_str().filter(|_| status.is_success());
        found.map(str::to_owned).with_context(|| format!("GET {path} answered {status}: {body}"))
    }

    /// Waits until an order has ended, and checks its end.
    pub(crate) async fn ends(&self, order: Uuid, end: ExpectedEnd) -> Result<()> {
        let right = end.status();
        let what = format!("order {order} to be {right}");
        let ended = wait_until(&what, ENDED, || async {
            let status = self.status(order).await?;
            if status == right { Ok(Some(())) } else { Err(anyhow::anyhow!("it is {status}")) }
        });
        Ok(ended.await?)
    }
}

/// Returns the request for a cart with the lines of a checkout.
pub(crate) fn cart_of(checkout: &CartCheckedOut) -> Value {
    let item = |line: &OrderLine| json!({ "sku": line.sku, "quantity": line.quantity });
    let items: Vec<_> = checkout.lines.iter().map(item).collect();
    json!({ "customer_id": checkout.customer_id, "items": items })
}

/// Sends a request again when the way to the shop broke under it: a customer whose order has no answer orders
/// again. Waits for as long as the shop asks. Returns the status and the body.
async fn patiently(request: impl Fn() -> RequestBuilder) -> Result<(StatusCode, String)> {
    let begun = Instant::now();
    loop {
        let answer = send_until_answered(request()).await?;
        let (status, asked) = (answer.status(), answer.headers().get(RETRY_AFTER));
        let asked = asked.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = answer.text().await?;
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS => Duration::from_secs(asked.unwrap_or(1)),
            _ if begun.elapsed() > BROKEN => return Ok((status, body)),
            StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => PAUSE,
            // The gateway was killed under this request, so it is not known whether it took effect.
            StatusCode::CONFLICT if body.contains("Idempotency-Key") => PAUSE,
            _ => return Ok((status, body)),
        };
        tokio::time::sleep(wait).await;
    }
}
