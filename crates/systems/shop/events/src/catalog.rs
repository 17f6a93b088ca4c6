//! The events of catalog. Each has the whole product after the change, so that other services can keep copies. The
//! state with the higher version is the newer one.

use ballet_core::{entity, event};
use common::values::{Money, Slug};
use jiff::Timestamp;

use crate::values::sku::Sku;

/// A product after one change.
#[entity(
    "product",
    republished = "catalog.products_republished.v1",
    requests(
        "cart.products_requested.v1",
        "orders.products_requested.v1",
        "recommendations.products_requested.v1"
    ),
    id = sku,
    version = version
)]
#[derive(Eq)]
pub struct Product {
    /// The product. No other product ever gets its SKU.
    pub sku: Sku,
    /// 1 when the product is published, and 1 more with each change of it.
    pub version: i64,
    /// The title.
    pub title: String,
    /// The description. It may be empty.
    pub description: String,
    /// The price of one piece.
    pub price: Money,
    /// The category.
    pub category: Slug,
    /// The tags, in order, each once.
    pub tags: Vec<Slug>,
    /// The address of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// When it was published.
    pub published_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// A product can be bought from now on.
#[event("catalog.product_published.v1", carries = 0, keys(product = "sku".made_here()))]
#[serde(transparent)]
pub struct ProductPublished(pub Product);

/// A product has another price.
#[event("catalog.product_price_changed.v1", carries = 0, keys(product = "sku"))]
#[serde(transparent)]
pub struct ProductPriceChanged(pub Product);

/// A product can no longer be bought. It does not come back.
#[event(
    "catalog.product_withdrawn.v1",
    keys(product = "sku"),
    removes(Product, id = 0.sku, version = 0.version)
)]
#[serde(transparent)]
pub struct ProductWithdrawn(pub Product);

#[cfg(test)]
mod tests {
    use ballet_core::{EntityEvent as _, Versioned};

    use super::*;

    #[test]
    fn an_event_of_a_product_is_the_product_with_its_version() {
        let product = r#"{ "sku": "mug", "version": 3, "title": "Mug", "description": "",
            "price": { "amount_minor": 1250, "currency": "EUR" }, "category": "kitchen",
            "tags": ["tea"], "published_at": "2026-01-01T00:00:00Z",
            "changed_at": "2026-01-02T00:00:00Z" }"#;
        let changed: ProductPriceChanged = serde_json::from_str(product).expect("an event");
        let expected = Versioned::of("mug", 3, changed.0.clone());
        assert_eq!(changed.into_version(), expected);
        let withdrawn: ProductWithdrawn = serde_json::from_str(product).expect("an event");
        assert_eq!(withdrawn.into_version(), Versioned::removed("mug", 3));
    }
}
