//! Compares catalog's products with their events. Other services copy products by these events, so each version needs
//! one.

use std::collections::BTreeMap;

use ballet_core::{Event, MessageId};
use shop_events::Sku;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};

/// The products as their events describe them.
#[derive(Debug, Clone, Default)]
pub struct PublishedProducts {
    products: BTreeMap<Sku, BTreeMap<i64, (MessageId, Product)>>,
    twice: Vec<String>,
}

impl PublishedProducts {
    /// Whether there were no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty() && self.twice.is_empty()
    }

    /// Adds an event, if it is one of catalog. A repeated event, with the same id, changes nothing.
    pub fn add(&mut self, event_type: &str, id: MessageId, body: &[u8]) {
        let types = [ProductPublished::TYPE, ProductPriceChanged::TYPE, ProductWithdrawn::TYPE];
        if types.iter().all(|known| known.name() != event_type) {
            return;
        }
        let Ok(product) = serde_json::from_slice::<Product>(body) else {
            self.twice.push(format!("{event_type} {id} is no product"));
            return;
        };
        let (sku, version) = (product.sku.clone(), product.version);
        let versions = self.products.entry(sku.clone()).or_default();
        let (first, _) = versions.entry(version).or_insert((id, product));
        if *first != id {
            self.twice.push(format!("product {sku}: version {version} is in {first} and in {id}"));
        }
    }
}

/// Returns the differences between products and events: a version without an event or with two, or a last event that
/// differs from the product.
#[must_use]
pub fn unlike_published(products: &[Product], published: &PublishedProducts) -> Vec<String> {
    let mut unlike = published.twice.clone();
    let nothing = BTreeMap::new();
    for product in products {
        let Product { sku, version, .. } = product;
        let versions = published.products.get(sku).unwrap_or(&nothing);
        let missing = (1..=*version).filter(|version| !versions.contains_key(version));
        unlike.extend(missing.map(|one| format!("product {sku}: version {one} was not published")));
        if let Some((newest, (id, last))) = versions.last_key_value()
            && (newest != version || last != product)
        {
            unlike.push(format!(
                "product {sku} is at version {version}, and {id} published version {newest} of it: \
                 {product:?} is not {last:?}"
            ));
        }
    }
    let known = |sku: &Sku| products.iter().any(|product| product.sku == *sku);
    let unknown = published.products.keys().filter(|sku| !known(sku));
    unlike.extend(unknown.map(|sku| format!("product {sku} was published, and catalog has none")));
    unlike
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn mug(version: i64, amount_minor: i64) -> Value {
        json!({ "sku": "mug", "version": version, "title": "Mug", "description": "",
            "price": { "amount_minor": amount_minor, "currency": "EUR" }, "category": "kitchen",
            "tags": [], "published_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z" })
    }

    fn published(events: &[(u128, Value)]) -> PublishedProducts {
        let mut published = PublishedProducts::default();
        for (id, product) in events {
            let event_type = if product["version"] == 1 {
                ProductPublished::TYPE
            } else {
                ProductPriceChanged::TYPE
            };
            let id = MessageId(uuid::Uuid::from_u128(*id));
            published.add(event_type.name(), id, product.to_string().as_bytes());
        }
        published
    }

    fn unlike(product: Value, events: &[(u128, Value)]) -> Vec<String> {
        let product = serde_json::from_value(product).expect("a product");
        unlike_published(&[product], &published(events))
    }

    #[test]
    fn every_version_has_one_event_and_the_last_is_the_product() {
        let both = [(2, mug(2, 7)), (1, mug(1, 5)), (2, mug(2, 7))];
        assert_eq!(unlike(mug(2, 7), &both), [""; 0]);
        for (product, events, found) in [
            (mug(2, 7), &both[..1], "version 1 was not published"),
            (mug(3, 7), &both[..], "version 3 was not published"),
            (mug(1, 5), &both, "published version 2 of it"),
            (mug(2, 8), &both, "is not Product"),
            (mug(1, 5), &[(1, mug(1, 5)), (3, mug(1, 5))], "version 1 is in"),
        ] {
            let unlike = unlike(product, events).join("; ");
            assert!(unlike.contains(found), "{found:?} in {unlike:?}");
        }
        let nothing = unlike_published(&[], &published(&both)).join("; ");
        assert!(nothing.contains("catalog has none"), "{nothing}");
    }
}
