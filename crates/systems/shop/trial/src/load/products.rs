//! The catalog's products, published over HTTP.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet_stage::wait_until;
use ballet_trials::send_until_answered;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use shop_events::cart::CartCheckedOut;
use uuid::Uuid;

use crate::load::cases;
use crate::load::stock::{PLENTY, RARE, RARE_PRICE};

/// The time in which a service must learn of a product.
const KNOWN: Duration = Duration::from_secs(120);

/// Publishes them, and reduces the price of the rare one.
///
/// # Errors
///
/// Returns an error if catalog refuses one.
pub(crate) async fn publish_all(http: &Client, catalog: &str) -> Result<()> {
    let (version, price) = RARE_PRICE;
    for (sku, price) in PLENTY.into_iter().chain([(RARE.0, price + 1_000)]) {
        publish(http, catalog, sku, price).await?;
    }
    reprice(http, catalog, RARE.0, version - 1, price).await
}

/// Orders refuses a price of zero with 409, and an unknown product with another status. `place` returns a customer's
/// request for an order.
pub(crate) async fn known_to_orders(
    customer: Uuid,
    place: impl Fn(&CartCheckedOut) -> RequestBuilder,
) -> Result<()> {
    let mut free = cases::checkout(&cases::GOOD, 0, customer)?;
    let line = free.lines.first_mut().context("a line")?;
    line.sku = RARE.0.parse()?;
    (line.unit_price.amount_minor, line.product_version) = (0, None);
    let known = wait_until("orders to know the products", KNOWN, || async {
        let answer = place(&free).send().await?;
        Ok::<_, reqwest::Error>((answer.status() == StatusCode::CONFLICT).then_some(()))
    });
    Ok(known.await?)
}

/// The product may have been published before.
pub(crate) async fn publish(http: &Client, catalog: &str, sku: &str, price: i64) -> Result<()> {
    let product = json!({ "sku": sku, "title": sku, "description": format!("A {sku} for your home."),
        "price": euros(price), "category": "home", "tags": ["demo"] });
    let request = http.post(format!("{catalog}/products")).json(&product);
    let answer = send_until_answered(request).await?;
    expect_done(answer, StatusCode::CONFLICT).await.with_context(|| format!("cannot publish {sku}"))
}

/// A newer version is left as it is.
pub(crate) async fn reprice(
    http: &Client,
    catalog: &str,
    sku: &str,
    version: i64,
    price: i64,
) -> Result<()> {
    let request = http.put(format!("{catalog}/products/{sku}/price")).json(&euros(price));
    let request = request.header(header::IF_MATCH, format!("\"{version}\""));
    let answer = send_until_answered(request).await?;
    let done = expect_done(answer, StatusCode::PRECONDITION_FAILED).await;
    done.with_context(|| format!("cannot change the price of {sku}"))
}

/// A newer version is left as it is.
pub(crate) async fn withdraw(http: &Client, catalog: &str, sku: &str, version: i64) -> Result<()> {
    let request = http.delete(format!("{catalog}/products/{sku}"));
    let request = request.header(header::IF_MATCH, format!("\"{version}\""));
    let answer = send_until_answered(request).await?;
    expect_done(answer, StatusCode::GONE).await.with_context(|| format!("cannot withdraw {sku}"))
}

/// The change may be of an earlier request whose answer was lost.
async fn expect_done(answer: Response, before: StatusCode) -> Result<()> {
    let status = answer.status();
    if status.is_success() || status == before {
        return Ok(());
    }
    bail!("it answered {status}: {}", answer.text().await.unwrap_or_default())
}

fn euros(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "EUR" })
}
