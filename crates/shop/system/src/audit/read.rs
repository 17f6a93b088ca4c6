//! Reads the services' lists over HTTP, page by page.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use ballet_signature::{REQUEST_HEADER, message};
use reqwest::{Client, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shop_events::catalog::Product;

use crate::audit::rows::{
    Cart, Checkout, Learned, Operation, Payment, Price, Reservation, Snapshot, Stock,
};

/// The services that are read.
const SERVICES: [&str; 7] =
    ["orders", "inventory", "payments", "shipping", "catalog", "cart", "recommendations"];
/// The time limit for one page of a list.
const PATIENCE: Duration = Duration::from_secs(30);
/// A service that lives says so within this time.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// The URL of each service by its name, for instance `http://127.0.0.1:8080`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ServiceUrls {
    urls: BTreeMap<String, String>,
    /// The gateway's.
    secret: Option<String>,
}

impl ServiceUrls {
    /// Of services that take only what their gateway has signed with this secret.
    #[must_use]
    pub fn signed_with(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }
}

/// Shows no secret.
impl fmt::Debug for ServiceUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceUrls").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl<Name: Into<String>, Url: Into<String>> FromIterator<(Name, Url)> for ServiceUrls {
    fn from_iter<Urls: IntoIterator<Item = (Name, Url)>>(urls: Urls) -> Self {
        let urls = urls.into_iter().map(|(name, url)| (name.into(), url.into())).collect();
        Self { urls, secret: None }
    }
}

/// A service that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Nobody said where it is.
    #[error("nobody said where {0} is")]
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

impl Unreadable {
    /// The reason in words, with the innermost cause.
    fn why(&self) -> String {
        let Self::NoAnswer { url, error } = self else { return self.to_string() };
        match error.status() {
            Some(status) => format!("{url} answers {status}"),
            None if error.is_timeout() => format!("{url} does not answer"),
            None => {
                let mut cause: &dyn std::error::Error = error;
                while let Some(inner) = cause.source() {
                    cause = inner;
                }
                format!("{url}: {cause}")
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Page<Row> {
    items: Vec<Row>,
    next: Option<String>,
}

/// Reads every service that answers.
pub(super) async fn read(urls: &ServiceUrls) -> Snapshot {
    let read_at = now();
    let services = match Services::new(urls) {
        Ok(services) => services,
        Err(error) => {
            let away = SERVICES.map(|service| (service, error.to_string())).into();
            return Snapshot { read_at, away, ..Snapshot::default() };
        }
    };
    let orders = services.answered("orders", services.all("orders", "orders", &[])).await;
    let (inventory, payments, shipping, catalog, cart, recommendations) = tokio::join!(
        services.answered("inventory", services.inventory()),
        services.answered("payments", services.payments()),
        services.answered("shipping", services.all("shipping", "shipments", &[])),
        services.answered("catalog", services.assortment()),
        services.answered("cart", services.carts()),
        services.answered("recommendations", services.learned()),
    );
    let mut away = BTreeMap::new();
    let orders = seen(orders, &mut away);
    let (stock, reservations) = seen(inventory, &mut away);
    let (payments, operations) = seen(payments, &mut away);
    let shipments = seen(shipping, &mut away);
    let (products, prices) = seen(catalog, &mut away);
    let (checkouts, carts) = seen(cart, &mut away);
    let learned = seen(recommendations, &mut away);
    Snapshot {
        read_at,
        away,
        orders,
        stock,
        reservations,
        payments,
        operations,
        shipments,
        products,
        prices,
        carts,
        checkouts,
        learned,
    }
}

/// The rows, or none of a service that is away.
fn seen<Rows: Default>(
    read: Result<Rows, (&'static str, String)>,
    away: &mut BTreeMap<&'static str, String>,
) -> Rows {
    read.unwrap_or_else(|(service, why)| {
        away.insert(service, why);
        Rows::default()
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
    /// What a service answers, or the service and why there is no answer. It is first asked whether it
    /// lives, so that one that hangs is not waited for at every list.
    async fn answered<Rows>(
        &self,
        service: &'static str,
        rows: impl Future<Output = Result<Rows, Unreadable>>,
    ) -> Result<Rows, (&'static str, String)> {
        let lives = async {
            let url = self.urls.urls.get(service).ok_or(Unreadable::NoUrl(service))?;
            let url = format!("{}/healthz", url.trim_end_matches('/'));
            let asked = self.client.get(&url).timeout(SIGN_OF_LIFE).send().await;
            asked.map_err(|error| Unreadable::NoAnswer { url, error })
        };
        let read = async {
            lives.await?;
            rows.await
        };
        read.await.map_err(|error| (service, error.why()))
    }

    async fn inventory(&self) -> Result<(Vec<Stock>, Vec<Reservation>), Unreadable> {
        tokio::try_join!(
            self.all("inventory", "stock", &[]),
            self.all("inventory", "reservations", &[]),
        )
    }

    async fn payments(&self) -> Result<(Vec<Payment>, Option<Vec<Operation>>), Unreadable> {
        tokio::try_join!(self.all("payments", "payments", &[]), self.operations())
    }

    async fn carts(&self) -> Result<(Vec<Checkout>, Vec<Cart>), Unreadable> {
        let checkouts = self.all("cart", "checkouts", &[]).await?;
        // After the checkouts: an order that a cart names is among them, unless the cart is new.
        Ok((checkouts, self.all("cart", "carts", &[]).await?))
    }

    fn new(urls: &'a ServiceUrls) -> Result<Self, Unreadable> {
        // Requests go to the services directly: a proxy to the internet does not know them.
        let client = Client::builder().no_proxy().timeout(PATIENCE).build();
        let url = || urls.urls.values().next().cloned().unwrap_or_default();
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

    async fn assortment(&self) -> Result<(Vec<Product>, Option<Vec<Price>>), Unreadable> {
        tokio::try_join!(self.products(), self.if_there("catalog", "prices"))
    }

    /// What the payment provider did. An API does not list it.
    async fn operations(&self) -> Result<Option<Vec<Operation>>, Unreadable> {
        self.if_there("payments", "sandbox/operations").await
    }

    /// All rows of a list that a service may not have.
    async fn if_there<Row: DeserializeOwned>(
        &self,
        service: &'static str,
        list: &str,
    ) -> Result<Option<Vec<Row>>, Unreadable> {
        match self.all(service, list, &[]).await {
            Ok(rows) => Ok(Some(rows)),
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
        let url = self.urls.urls.get(service).ok_or(Unreadable::NoUrl(service))?;
        let list_url = format!("{}/{list}", url.trim_end_matches('/'));
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page: Page<Row> = self
                .page(&list_url, filter, after.as_ref())
                .await
                .map_err(|error| Unreadable::NoAnswer { url: list_url.clone(), error })?;
            rows.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(rows),
            }
        }
    }

    async fn page<Row: DeserializeOwned>(
        &self,
        url: &str,
        filter: &[(&str, &str)],
        after: Option<&impl Display>,
    ) -> Result<Page<Row>, reqwest::Error> {
        let mut request = self.client.get(url).query(&[("limit", "1000")]).query(filter);
        if let Some(after) = after {
            request = request.query(&[("after", after.to_string())]);
        }
        let mut request = request.build()?;
        if let Some(secret) = &self.urls.secret {
            sign(secret, &mut request);
        }
        self.client.execute(request).await?.error_for_status()?.json().await
    }
}

/// Signs a request as the gateway does. It names no client, so it may read everything.
fn sign(secret: &str, request: &mut Request) {
    let url = request.url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}{query}", url.path());
    let message = message(request.method().as_str(), &path, std::iter::empty());
    let signature = ballet_signature::sign(secret, now().as_second(), &message);
    if let Ok(signature) = signature.parse() {
        request.headers_mut().insert(REQUEST_HEADER, signature);
    }
}
