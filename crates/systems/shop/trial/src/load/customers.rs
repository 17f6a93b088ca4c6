//! The orders of customers: over AMQP from a shop front, or over HTTP with or without a cart. Some are cancelled.

use anyhow::{Result, bail};
use ballet::Event;
use ballet_trials::{BegunSaga, Site, SiteClient, id};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use shop_events::orders::OrderConfirmed;
use shop_events::shipping::ShipmentScheduled;
use uuid::Uuid;

use crate::load::carts;
use crate::load::cases::{self, CancelMoment, ExpectedEnd, OrderCase};

/// The shop front: a foreign producer that the shop declares.
const STOREFRONT: &str = "storefront";

/// Places an order for a customer, who has this token in a run with a gateway.
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
        carts::buy(&site.http, async || site.url("cart", number).await, &checkout).await?
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
