//! The draft of a product that an administrator publishes, and its checks.

use axum::http::Uri;
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::catalog::Product;
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidField {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

impl ProductDraft {
    /// Sorts the tags.
    pub(crate) fn checked(mut self) -> Result<Self, Vec<InvalidField>> {
        let mut invalid = Vec::new();
        let mut wrong = |field, why| invalid.push(InvalidField { field, why });
        if self.sku.as_str() == SEARCH {
            wrong("sku", format!("{SEARCH} is no SKU: /products/{SEARCH} is another route"));
        }
        if self.title.trim().is_empty() {
            wrong("title", "it is empty".to_owned());
        }
        check_text(&self.title, MAX_TITLE, |_| false).map_err(|why| wrong("title", why)).ok();
        let breaks_lines = |c| matches!(c, '\n' | '\r' | '\t');
        let description = check_text(&self.description, MAX_DESCRIPTION, breaks_lines);
        description.map_err(|why| wrong("description", why)).ok();
        check_price(self.price).map_err(|why| wrong("price.amount_minor", why)).ok();
        if self.tags.len() > MAX_TAGS {
            wrong("tags", format!("there are {}: send at most {MAX_TAGS}", self.tags.len()));
        }
        self.tags.sort_unstable();
        self.tags.dedup();
        if let Some(url) = &self.image_url
            && !is_address(url)
        {
            let why = format!("it is not an address: send http(s)://..., {MAX_URL} bytes at most");
            wrong("image_url", why);
        }
        if invalid.is_empty() { Ok(self) } else { Err(invalid) }
    }

    pub(crate) fn is_like(&self, product: &Product) -> bool {
        let Self { sku, title, description, price, category, tags, image_url } = self;
        (sku, title, description) == (&product.sku, &product.title, &product.description)
            && (price, category) == (&product.price, &product.category)
            && (tags, image_url) == (&product.tags, &product.image_url)
    }
}

pub(crate) fn checked_price(price: Money) -> Result<Money, Vec<InvalidField>> {
    let invalid = |why| vec![InvalidField { field: "amount_minor", why }];
    check_price(price).map(|()| price).map_err(invalid)
}

fn check_price(price: Money) -> Result<(), String> {
    if (0..=MAX_PRICE).contains(&price.amount_minor) {
        Ok(())
    } else {
        Err(format!("{} is out of range: it is 0 to {MAX_PRICE}", price.amount_minor))
    }
}

fn check_text(text: &str, longest: usize, allowed: impl Fn(char) -> bool) -> Result<(), String> {
    if text.chars().nth(longest).is_some() {
        Err(format!("it is longer than {longest} characters"))
    } else if text.chars().any(|c| c.is_control() && !allowed(c)) {
        // NUL, which Postgres cannot store, is among them.
        Err("it has control characters".to_owned())
    } else {
        Ok(())
    }
}

fn is_address(url: &str) -> bool {
    let parsed = url.parse::<Uri>();
    let web =
        |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    url.len() <= MAX_URL && parsed.is_ok_and(|uri| web(&uri))
}
