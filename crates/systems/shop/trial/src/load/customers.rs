//! The orders of customers: over AMQP from a shop front, or over HTTP with or without a cart. Some are cancelled.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::Event;
use ballet_trials::{BegunSaga, Site, send_until_answered};
use reqwest::StatusCode;
use serde_json::Value;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::OrderConfirmed;
use shop_events::shipping::ShipmentScheduled;
use uuid::Uuid;

use crate::load::carts;
use crate::load::cases::{self, CancelMoment, ExpectedEnd, Goods, OrderCase};
use crate::load::customer::Customer;

/// The shop front: a foreign producer that the shop declares.
const STOREFRONT: &str = "storefront";
/// The time for which a customer asks for the cancellation.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

/// Places an order through the gateway. The shop front publishes orders without goods, or with goods that catalog
/// does not know.
pub(crate) async fn order_through_gateway(
    case: &OrderCase,
    number: usize,
    site: &Site,
    customer: &Customer,
) -> Result<BegunSaga> {
    let checkout = customer.checkout(case, number)?;
    if matches!(case.goods, Goods::None | Goods::Unknown) {
        let saga = site.new_id();
        site.publish(STOREFRONT, saga, &checkout).await?;
        return Ok(BegunSaga { saga, end: case.end.expected(None) });
    }
    let saga = customer.place(&checkout, || site.gave_up()).await?;
    let ExpectedEnd::CustomerCancels(when) = case.end else {
        return Ok(BegunSaga { saga, end: case.end.expected(None) });
    };
    in_time(when, saga, site).await;
    let answer = customer.cancel(saga).await?;
    Ok(BegunSaga { saga, end: case.end.expected(Some(answer)) })
}

/// Waits for the moment at which a customer cancels.
async fn in_time(when: CancelMoment, saga: Uuid, site: &Site) {
    match when {
        CancelMoment::AtOnce => {}
        CancelMoment::AtCapture => site.wait_for(saga, ShipmentScheduled::TYPE).await,
        CancelMoment::TooLate => site.wait_for(saga, OrderConfirmed::TYPE).await,
    }
}

/// Places an order.
pub(crate) async fn order(case: &OrderCase, number: usize, site: &Site) -> Result<BegunSaga> {
    let checkout = cases::checkout(case, number, site.new_id())?;
    if !case.is_placed_over_http(number) {
        let saga = site.new_id();
        site.publish(STOREFRONT, saga, &checkout).await?;
        return Ok(BegunSaga { saga, end: case.end.expected(None) });
    }
    let saga = if case.is_from_a_cart(number) {
        carts::buy(&site.http, async || site.url("cart", number).await, &checkout).await?
    } else {
        place(site, number, &checkout).await?
    };
    let ExpectedEnd::CustomerCancels(when) = case.end else {
        return Ok(BegunSaga { saga, end: case.end.expected(None) });
    };
    in_time(when, saga, site).await;
    let answer = cancel(site, number, saga).await?;
    Ok(BegunSaga { saga, end: case.end.expected(Some(answer)) })
}

/// Places an order without a cart.
async fn place(site: &Site, number: usize, checkout: &CartCheckedOut) -> Result<Uuid> {
    let url = format!("{}/orders", site.url("orders", number).await?);
    let reply = send_until_answered(site.http.post(&url).json(checkout)).await?;
    let (status, body) = (reply.status(), reply.text().await?);
    let order: Value = serde_json::from_str(&body).unwrap_or_default();
    let id: Option<Uuid> = order["order_id"].as_str().and_then(|id| id.parse().ok());
    id.filter(|_| status == StatusCode::CREATED)
        .with_context(|| format!("POST {url} answered {status}: {body}"))
}

/// Cancels an order, and returns the answer: done, or too late.
async fn cancel(site: &Site, number: usize, order: Uuid) -> Result<StatusCode> {
    let begun = Instant::now();
    loop {
        // The process may be gone by now, so each attempt asks for a URL.
        let orders = site.url("orders", number).await.unwrap_or_default();
        let request = site.http.post(format!("{orders}/orders/{order}/cancel"));
        match send_until_answered(request).await.map(|reply| reply.status()) {
            Ok(status) if status.is_success() || status == StatusCode::CONFLICT => {
                return Ok(status);
            }
            _ if begun.elapsed() > PATIENCE => bail!("no answer to a cancellation"),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}
