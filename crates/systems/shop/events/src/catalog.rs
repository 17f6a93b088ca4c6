//! The events of catalog. Each has the whole product after the change, so that other services can keep copies. The
//! state with the higher version is the newer one.

use ballet_core::{Entity, EntityEvent, Event, EventType, Key, Versioned};
use common::values::{Money, Slug};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::PRODUCT;
use crate::values::sku::Sku;

/// A product after one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Entity for Product {
    const NAME: &'static str = "product";
    const REPUBLISHED: EventType = EventType::plain("catalog.products_republished.v1");
    const REQUESTS: &'static [EventType] = &[
        EventType::plain("cart.products_requested.v1"),
        EventType::plain("orders.products_requested.v1"),
        EventType::plain("recommendations.products_requested.v1"),
    ];
}

/// A product can be bought from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ProductPublished(pub Product);

impl Event for ProductPublished {
    const TYPE: EventType = EventType::plain("catalog.product_published.v1");
    const KEYS: &'static [Key] = &[PRODUCT.made_here()];
}

impl EntityEvent for ProductPublished {
    type Entity = Product;

    fn into_version(self) -> Versioned<Product> {
        current(self.0)
    }
}

/// A product has another price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ProductPriceChanged(pub Product);

impl Event for ProductPriceChanged {
    const TYPE: EventType = EventType::plain("catalog.product_price_changed.v1");
    const KEYS: &'static [Key] = &[PRODUCT];
}

impl EntityEvent for ProductPriceChanged {
    type Entity = Product;

    fn into_version(self) -> Versioned<Product> {
        current(self.0)
    }
}

/// A product can no longer be bought. It does not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ProductWithdrawn(pub Product);

impl Event for ProductWithdrawn {
    const TYPE: EventType = EventType::plain("catalog.product_withdrawn.v1");
    const KEYS: &'static [Key] = &[PRODUCT];
}

impl EntityEvent for ProductWithdrawn {
    type Entity = Product;

    fn into_version(self) -> Versioned<Product> {
        Versioned::removed(self.0.sku, self.0.version)
    }
}

fn current(product: Product) -> Versioned<Product> {
    Versioned::of(product.sku.clone(), product.version, product)
}

#[cfg(test)]
mod tests {
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
