//! Reads the services' lists over HTTP, page by page.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shop_events::catalog::Product;

use crate::audit::rows::{Learned, Operation, Snapshot};

/// The time limit for one page of a list.
const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of each service by its name, for instance `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceUrls(BTreeMap<String, String>);

impl<Name: Into<String>, Url: Into<String>> FromIterator<(Name, Url)> for ServiceUrls {
    fn from_iter<Urls: IntoIterator<Item = (Name, Url)>>(urls: Urls) -> Self {
        Self(urls.into_iter().map(|(name, url)| (name.into(), url.into())).collect())
    }
}

/// A service that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Nobody said where it is.
    #[error("the URL of {0} is missing")]
    NoUrl(&'static str),
    /// It does not answer, or answers in an unexpected form.
    #[error("cannot read {url}: {error}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// What came in place of the answer.
        #[source]
        error: reqwest::Error,
    },
}

#[derive(Debug, Deserialize)]
struct Page<Row> {
    items: Vec<Row>,
    next: Option<String>,
}

pub(super) async fn read(urls: &ServiceUrls) -> Result<Snapshot, Unreadable> {
    let read_at = now();
    let services = Services::new(urls)?;
    let orders = services.all("orders", "orders", &[]).await?;
    let (stock, reservations, payments, operations, shipments, products, checkouts, learned) = tokio::try_join!(
        services.all("inventory", "stock", &[]),
        services.all("inventory", "reservations", &[]),
        services.all("payments", "payments", &[]),
        services.operations(),
        services.all("shipping", "shipments", &[]),
        services.products(),
        services.all("cart", "checkouts", &[]),
        services.learned(),
    )?;
    // After the checkouts: an order that a cart names is among them, unless the cart is new.
    let carts = services.all("cart", "carts", &[]).await?;
    Ok(Snapshot {
        read_at,
        orders,
        stock,
        reservations,
        payments,
        operations,
        shipments,
        products,
        carts,
        checkouts,
        learned,
    })
}

/// All products, also those that are withdrawn.
///
/// # Errors
///
/// If catalog does not answer, or answers in an unexpected form.
pub async fn products(urls: &ServiceUrls) -> Result<Vec<Product>, Unreadable> {
    Services::new(urls)?.products().await
}

#[expect(clippy::disallowed_methods, reason = "the audit is not a handler and is never replayed")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The services, to be read.
struct Services<'a> {
    client: Client,
    urls: &'a ServiceUrls,
}

impl<'a> Services<'a> {
    fn new(urls: &'a ServiceUrls) -> Result<Self, Unreadable> {
        // Requests go to the services directly: a proxy to the internet does not know them.
        let client = Client::builder().no_proxy().timeout(PATIENCE).build();
        let url = || urls.0.values().next().cloned().unwrap_or_default();
        let client = client.map_err(|error| Unreadable::NoAnswer { url: url(), error })?;
        Ok(Self { client, urls })
    }

    async fn products(&self) -> Result<Vec<Product>, Unreadable> {
        // A product that is withdrawn meanwhile is in the second list.
        let mut products = self.all("catalog", "products", &[]).await?;
        let withdrawn: Vec<Product> =
            self.all("catalog", "products", &[("withdrawn", "true")]).await?;
        products.retain(|product: &Product| withdrawn.iter().all(|one| one.sku != product.sku));
        products.extend(withdrawn);
        Ok(products)
    }

    /// What the payment provider did. An API does not list it.
    async fn operations(&self) -> Result<Option<Vec<Operation>>, Unreadable> {
        match self.all("payments", "sandbox/operations", &[]).await {
            Ok(operations) => Ok(Some(operations)),
            Err(Unreadable::NoAnswer { error, .. })
                if error.status() == Some(StatusCode::NOT_FOUND) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn learned(&self) -> Result<Learned, Unreadable> {
        let service = "recommendations";
        let (orders, products, pairs) = tokio::try_join!(
            self.all(service, "learned/orders", &[]),
            self.all(service, "learned/products", &[]),
            self.all(service, "learned/pairs", &[]),
        )?;
        Ok(Learned { orders, products, pairs })
    }

    /// All rows of a service's list.
    async fn all<Row: DeserializeOwned>(
        &self,
        service: &'static str,
        list: &str,
        filter: &[(&str, &str)],
    ) -> Result<Vec<Row>, Unreadable> {
        let url = self.urls.0.get(service).ok_or(Unreadable::NoUrl(service))?;
        let list_url = format!("{}/{list}", url.trim_end_matches('/'));
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page: Page<Row> = page(&self.client, &list_url, filter, after.as_ref())
                .await
                .map_err(|error| Unreadable::NoAnswer { url: list_url.clone(), error })?;
            rows.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(rows),
            }
        }
    }
}

async fn page<Row: DeserializeOwned>(
    client: &Client,
    url: &str,
    filter: &[(&str, &str)],
    after: Option<&impl Display>,
) -> Result<Page<Row>, reqwest::Error> {
    let mut request = client.get(url).query(&[("limit", "1000")]).query(filter);
    if let Some(after) = after {
        request = request.query(&[("after", after.to_string())]);
    }
    request.send().await?.error_for_status()?.json().await
}
