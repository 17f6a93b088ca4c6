//! The shop's goods: what is sold at which price, and how it comes in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ballet_stage::wait_until;
use ballet_trials::{SiteClient, send_until_answered};
use reqwest::header::IF_MATCH;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::load::cases;

pub(crate) const PLENTY: [(&str, i64); 4] =
    [("mug", 1_250), ("teapot", 3_900), ("kettle", 5_495), ("spoon", 310)];
pub(crate) const RARE: (&str, u64) = ("lamp", 3);
/// The version that is sold, and its price.
pub(crate) const RARE_PRICE: (i64, i64) = (2, 7_900);

/// The stock of each product that never runs out.
const ENOUGH: u64 = 1_000_000;
/// The time in which orders must learn of a product.
const KNOWN: Duration = Duration::from_secs(120);

/// Receives and publishes everything, and waits until orders knows it.
pub(crate) async fn open(client: SiteClient<'_>) -> Result<()> {
    let (rare, price) = (RARE.0, RARE_PRICE.1);
    for (sku, quantity) in PLENTY.map(|(sku, _)| (sku, ENOUGH)).into_iter().chain([RARE]) {
        receive(client, sku, "opening", quantity).await?;
    }
    for (sku, price) in PLENTY.into_iter().chain([(rare, price + 1_000)]) {
        let status = publish(client, sku, price).await?;
        // It may have been published before.
        let is_there = status.is_success() || status == StatusCode::CONFLICT;
        ensure!(is_there, "cannot publish {sku}: {status}");
    }
    let status = reprice(client, rare, RARE_PRICE.0 - 1, price).await?;
    let is_there = status.is_success() || status == StatusCode::PRECONDITION_FAILED;
    ensure!(is_there, "cannot change the price of {rare}: {status}");
    // Orders refuses a price of zero with 409, and an unknown product with another status.
    let mut free = cases::checkout(&cases::GOOD, 0, Uuid::nil())?;
    let line = free.lines.first_mut().context("a line")?;
    line.sku = rare.parse()?;
    (line.unit_price.amount_minor, line.product_version) = (0, None);
    let free = serde_json::to_value(&free)?;
    let known = wait_until("orders to know the products", KNOWN, || async {
        let (status, _) = client.ask(Method::POST, "orders", "/orders", &free).await?;
        anyhow::Ok((status == StatusCode::CONFLICT).then_some(()))
    });
    Ok(known.await?)
}

/// A note counts once, however often it is sent.
pub(crate) async fn receive(
    client: SiteClient<'_>,
    sku: &str,
    note: &str,
    quantity: u64,
) -> Result<()> {
    let receipt = json!({ "receipt": note, "quantity": quantity });
    let path = format!("/stock/{sku}/receive");
    client.done(Method::POST, "inventory", &path, &receipt).await.map(drop)
}

pub(crate) async fn publish(client: SiteClient<'_>, sku: &str, price: i64) -> Result<StatusCode> {
    let product = json!({ "sku": sku, "title": sku, "description": format!("A {sku} for your home."),
        "price": euros(price), "category": "home", "tags": ["demo"] });
    Ok(client.ask(Method::POST, "catalog", "/products", &product).await?.0)
}

pub(crate) async fn reprice(
    client: SiteClient<'_>,
    sku: &str,
    version: i64,
    price: i64,
) -> Result<StatusCode> {
    change(client, Method::PUT, &format!("/products/{sku}/price"), version, &euros(price)).await
}

pub(crate) async fn withdraw(
    client: SiteClient<'_>,
    sku: &str,
    version: i64,
) -> Result<StatusCode> {
    change(client, Method::DELETE, &format!("/products/{sku}"), version, &Value::Null).await
}

async fn change(
    client: SiteClient<'_>,
    method: Method,
    path: &str,
    version: i64,
    body: &Value,
) -> Result<StatusCode> {
    let request = client.request(method, "catalog", path, body).await?;
    let request = request.header(IF_MATCH, format!("\"{version}\""));
    Ok(send_until_answered(request).await?.status())
}

fn euros(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "EUR" })
}
