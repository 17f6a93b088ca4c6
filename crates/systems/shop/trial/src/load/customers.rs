//! The orders of customers: over AMQP, or over HTTP with or without a cart. Some are cancelled.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ballet::Event;
use ballet_trials::{BegunSaga, Site, SiteClient, id};
use reqwest::header::IF_MATCH;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shop_events::OrderLine;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::OrderConfirmed;
use shop_events::shipping::ShipmentScheduled;
use uuid::Uuid;

use crate::load::cases::{self, CancelMoment, ExpectedEnd, OrderCase};

/// A foreign producer that the shop declares.
pub(crate) const STOREFRONT: &str = "storefront";
pub(crate) const BUYS: &str = "orders:read orders:write";
/// Those behind the shop.
pub(crate) const SUPPORTS: &str = "orders:all products:write stock:write";
/// The time for which a customer asks for a cart again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// Orders with the token that a customer has at a gateway.
pub(crate) async fn order(
    case: &OrderCase,
    number: usize,
    site: &Site,
    (customer, token): (Uuid, Option<&str>),
) -> Result<BegunSaga> {
    let checkout = cases::checkout(case, number, customer)?;
    let is_behind_gateway = site.gateway().is_some();
    let is_over_http =
        if is_behind_gateway { case.is_sold() } else { case.is_placed_over_http(number) };
    if !is_over_http {
        let saga = site.new_id();
        site.publish(STOREFRONT, saga, &checkout).await?;
        return Ok(BegunSaga { saga, end: case.end.expected(None) });
    }
    let client = SiteClient::new(site, number).with(token);
    let saga = if case.is_from_a_cart(number) && !is_behind_gateway {
        buy_by_cart(client, &checkout).await?
    } else {
        let body = serde_json::to_value(&checkout)?;
        id(&client.done(Method::POST, "orders", "/orders", &body).await?["order_id"])?
    };
    let ExpectedEnd::CustomerCancels(when) = case.end else {
        return Ok(BegunSaga { saga, end: case.end.expected(None) });
    };
    match when {
        CancelMoment::AtOnce => {}
        CancelMoment::AtCapture => site.wait_for(saga, ShipmentScheduled::TYPE).await,
        CancelMoment::TooLate => site.wait_for(saga, OrderConfirmed::TYPE).await,
    }
    let path = format!("/orders/{saga}/cancel");
    let (status, answer) = client.ask(Method::POST, "orders", &path, &Value::Null).await?;
    if !status.is_success() && status != StatusCode::CONFLICT {
        bail!("POST {path} answered {status}: {answer}");
    }
    Ok(BegunSaga { saga, end: case.end.expected(Some(status)) })
}

pub(crate) fn cart_of(checkout: &CartCheckedOut) -> Value {
    let item = |line: &OrderLine| json!({ "sku": line.sku, "quantity": line.quantity });
    let items: Vec<_> = checkout.lines.iter().map(item).collect();
    json!({ "customer_id": checkout.customer_id, "items": items })
}

pub(crate) async fn buy_by_cart(client: SiteClient<'_>, checkout: &CartCheckedOut) -> Result<Uuid> {
    let cart = open_cart(client, checkout).await?;
    check_out(client, cart, checkout).await
}

pub(crate) async fn open_cart(client: SiteClient<'_>, checkout: &CartCheckedOut) -> Result<Uuid> {
    let new = cart_of(checkout);
    let opened = async || client.request(Method::POST, "cart", "/carts", &new).await;
    id(&repeat_until_done(opened).await?["cart_id"])
}

/// Returns the id of the order.
pub(crate) async fn check_out(
    client: SiteClient<'_>,
    cart: Uuid,
    checkout: &CartCheckedOut,
) -> Result<Uuid> {
    let path = format!("/carts/{cart}/checkout");
    let CartCheckedOut { card_token, ship_to, .. } = checkout;
    let terms = json!({ "card_token": card_token, "ship_to": ship_to });
    let check_out = async || {
        let request = client.request(Method::POST, "cart", &path, &terms).await?;
        Ok(request.header(IF_MATCH, "\"1\""))
    };
    id(&repeat_until_done(check_out).await?["order_id"])
}

/// Repeats until the service has done it. A request without an answer is sent again, which makes no second order.
async fn repeat_until_done(request: impl AsyncFn() -> Result<RequestBuilder>) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let attempt = async {
            let answer = request().await?.send().await?;
            let status = answer.status();
            anyhow::Ok((status, answer.json::<Value>().await?))
        };
        match attempt.await {
            Ok((StatusCode::OK | StatusCode::CREATED, answer)) => return Ok(answer),
            // A new product may not be known yet.
            Ok((status, answer)) if !may_pass(status) || begun.elapsed() > PATIENCE => {
                bail!("a cart answered {status}: {answer}")
            }
            Err(error) if begun.elapsed() > PATIENCE => return Err(error),
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::UNPROCESSABLE_ENTITY
}
