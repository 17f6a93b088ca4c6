//! The products of an order that are counted: a bounded number.

use std::collections::BTreeSet;

use shop_events::{OrderId, OrderLine, Sku};
use uuid::Uuid;

/// So many products make 300 pairs; all products of the largest order would make 4,950, and say little about each.
const MAX: usize = 25;

/// Selects each once, in order. From a larger order it selects by a hash of the ids, so that no position is preferred
/// and a repeated event selects the same products.
pub(crate) fn of(order_id: OrderId, lines: Vec<OrderLine>) -> Vec<Sku> {
    let skus: BTreeSet<Sku> = lines.into_iter().map(|line| line.sku).collect();
    let mut skus: Vec<Sku> = skus.into_iter().collect();
    if skus.len() > MAX {
        skus.sort_by_cached_key(|sku| Uuid::new_v5(&order_id.0, sku.as_str().as_bytes()));
        skus.truncate(MAX);
        skus.sort_unstable();
    }
    skus
}

#[cfg(test)]
mod tests {
    use shop_events::Money;

    use super::*;

    fn lines(skus: impl Iterator<Item = u32>) -> Vec<OrderLine> {
        let line = |n| OrderLine {
            sku: format!("p{n:03}").parse().expect("a SKU"),
            quantity: 1,
            unit_price: Money { amount_minor: 1, currency: "EUR".parse().expect("a currency") },
            product_version: None,
        };
        skus.map(line).collect()
    }

    fn basket(order: u128, skus: impl Iterator<Item = u32>) -> Vec<Sku> {
        of(OrderId(Uuid::from_u128(order)), lines(skus))
    }

    #[test]
    fn a_product_in_several_lines_counts_once() {
        let skus: Vec<String> =
            basket(1, [2, 1, 2].into_iter()).iter().map(ToString::to_string).collect();
        assert_eq!(skus, ["p001", "p002"]);
    }

    #[test]
    fn a_large_order_counts_with_the_same_few_products_whatever_their_places() {
        let few = basket(1, 0..100);
        assert_eq!(few.len(), MAX);
        assert!(few.is_sorted());
        assert_eq!(basket(1, (0..100).rev()), few);
        assert_ne!(basket(2, 0..100), few, "another order has others");
        // Over many orders, every product is selected.
        let seen: BTreeSet<Sku> = (0..100).flat_map(|order| basket(order, 0..100)).collect();
        assert_eq!(seen.len(), 100);
    }
}
