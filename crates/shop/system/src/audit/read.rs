//! Reads the services' lists over HTTP, page by page.

use std::fmt::Display;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::audit::rows::Snapshot;

/// The time limit for one page of a list.
const PATIENCE: Duration = Duration::from_secs(30);

/// The services' URLs, for instance `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrls {
    /// Orders.
    pub orders: String,
    /// Inventory.
    pub inventory: String,
    /// Payments.
    pub payments: String,
    /// Shipping.
    pub shipping: String,
}

/// A service that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {url}: {error}")]
pub struct Unreadable {
    url: String,
    #[source]
    error: reqwest::Error,
}

#[derive(Debug, Deserialize)]
struct Page<Row> {
    items: Vec<Row>,
    next: Option<String>,
}

pub(super) async fn read(urls: &ServiceUrls) -> Result<Snapshot, Unreadable> {
    let client = client().map_err(|error| Unreadable { url: urls.orders.clone(), error })?;
    let read_at = now();
    let orders = all(&client, &urls.orders, "orders").await?;
    let (stock, reservations, payments, operations, shipments) = tokio::try_join!(
        all(&client, &urls.inventory, "stock"),
        all(&client, &urls.inventory, "reservations"),
        all(&client, &urls.payments, "payments"),
        all(&client, &urls.payments, "sandbox/operations"),
        all(&client, &urls.shipping, "shipments"),
    )?;
    Ok(Snapshot { read_at, orders, stock, reservations, payments, operations, shipments })
}

/// Requests go to the services directly: a proxy to the internet does not know them.
fn client() -> Result<Client, reqwest::Error> {
    Client::builder().no_proxy().timeout(PATIENCE).build()
}

#[expect(clippy::disallowed_methods, reason = "the audit is not a handler and is never replayed")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

async fn all<Row: DeserializeOwned>(
    client: &Client,
    url: &str,
    list: &str,
) -> Result<Vec<Row>, Unreadable> {
    let list_url = format!("{}/{list}", url.trim_end_matches('/'));
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page: Page<Row> = page(client, &list_url, after.as_ref())
            .await
            .map_err(|error| Unreadable { url: list_url.clone(), error })?;
        rows.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(rows),
        }
    }
}

async fn page<Row: DeserializeOwned>(
    client: &Client,
    url: &str,
    after: Option<&impl Display>,
) -> Result<Page<Row>, reqwest::Error> {
    let mut request = client.get(url).query(&[("limit", "1000")]);
    if let Some(after) = after {
        request = request.query(&[("after", after.to_string())]);
    }
    request.send().await?.error_for_status()?.json().await
}
