//! The draft of a product that an administrator publishes, and its checks.

use axum::http::Uri;
use ballet::http::{Place, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::{Money, Sku, Slug};

/// The last segment of the route `/products/search`, which hides a product with this SKU.
const SEARCH: &str = "search";
/// In characters.
const MAX_TITLE: usize = 200;
/// In characters.
const MAX_DESCRIPTION: usize = 10_000;
const MAX_TAGS: usize = 20;
/// In bytes.
const MAX_URL: usize = 2_000;
/// In minor units.
const MAX_PRICE: i64 = 1_000_000_000_000;

/// A request to publish a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "NewProduct")]
pub(crate) struct ProductDraft {
    /// The product's SKU, which no other product ever had.
    pub(crate) sku: Sku,
    /// The title, without control characters.
    #[schemars(length(min = 1, max = MAX_TITLE))]
    pub(crate) title: String,
    /// The description. The only control characters that it may have are line breaks and tabs.
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION))]
    pub(crate) description: String,
    /// The price of one piece, not below zero.
    pub(crate) price: Money,
    /// The category.
    pub(crate) category: Slug,
    /// The tags. One that is sent twice counts once.
    #[serde(default)]
    #[schemars(length(max = MAX_TAGS))]
    pub(crate) tags: Vec<Slug>,
    /// The address of an image, `https://...`.
    #[serde(default)]
    #[schemars(length(max = MAX_URL))]
    pub(crate) image_url: Option<String>,
}

impl ProductDraft {
    /// Sorts the tags.
    pub(crate) fn checked(mut self) -> Result<Self, Problem> {
        if self.sku.as_str() == SEARCH {
            let why = format!("{SEARCH} is no SKU: /products/{SEARCH} is another route");
            return Err(wrong("sku", &why));
        }
        if self.title.trim().is_empty() {
            return Err(wrong("title", "it is empty"));
        }
        check_text("title", &self.title, MAX_TITLE, |_| false)?;
        let breaks_lines = |c| matches!(c, '\n' | '\r' | '\t');
        check_text("description", &self.description, MAX_DESCRIPTION, breaks_lines)?;
        check_price("price.amount_minor", self.price)?;
        if self.tags.len() > MAX_TAGS {
            let why = format!("there are {}: send at most {MAX_TAGS}", self.tags.len());
            return Err(wrong("tags", &why));
        }
        self.tags.sort_unstable();
        self.tags.dedup();
        if self.image_url.as_ref().is_some_and(|url| !is_address(url)) {
            let why = format!("it is not an address: send http(s)://..., {MAX_URL} bytes at most");
            return Err(wrong("image_url", &why));
        }
        Ok(self)
    }
}

pub(crate) fn check_price(field: &str, price: Money) -> Result<(), Problem> {
    if (0..=MAX_PRICE).contains(&price.amount_minor) {
        return Ok(());
    }
    let why = format!("{} is out of range: it is 0 to {MAX_PRICE}", price.amount_minor);
    Err(wrong(field, &why))
}

fn check_text(
    field: &str,
    text: &str,
    longest: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), Problem> {
    if text.chars().nth(longest).is_some() {
        return Err(wrong(field, &format!("it is longer than {longest} characters")));
    }
    // NUL, which Postgres cannot store, is among them.
    if text.chars().any(|c| c.is_control() && !allowed(c)) {
        return Err(wrong(field, "it has control characters"));
    }
    Ok(())
}

fn wrong(field: &str, why: &str) -> Problem {
    Problem::unprocessable(format!("{field}: {why}")).at(Place::body(field.split('.')))
}

fn is_address(url: &str) -> bool {
    let parsed = url.parse::<Uri>();
    let web =
        |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    url.len() <= MAX_URL && parsed.is_ok_and(|uri| web(&uri))
}
