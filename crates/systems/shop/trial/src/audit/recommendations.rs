//! Recommendations counts completed orders, and nothing else.

use std::collections::{BTreeMap, HashSet};

use ballet_ops::audit::Report;
use shop_events::{OrderId, Sku};

use crate::audit::rows::{LearnedCounts, OrderRecord};

const MOST_NAMED: usize = 20;

/// Whether recommendations counts an order that it must count. It may be late, because it is outside of the saga.
pub(super) fn is_counted(
    order: &OrderRecord,
    counted: &HashSet<OrderId>,
    report: &mut Report,
) -> bool {
    let OrderRecord { order_id, status, .. } = order;
    let is_completed = status == "completed";
    let counted = counted.contains(order_id);
    if counted && !is_completed {
        report
            .violations
            .push(format!("order {order_id} is {status}, but recommendations counts it"));
    }
    counted || !is_completed
}

/// Returns a sentence if recommendations is behind.
pub(super) fn in_words(uncounted: &[OrderId]) -> Option<String> {
    match uncounted {
        [] => None,
        [one] => Some(format!("recommendations has not counted order {one}, which is completed")),
        orders => {
            let named = orders.iter().take(MOST_NAMED).map(ToString::to_string);
            let named = named.collect::<Vec<_>>().join(", ");
            let more = if orders.len() > MOST_NAMED { ", ..." } else { "" };
            let count = orders.len();
            Some(format!(
                "recommendations has not counted {count} orders that are completed: {named}{more}"
            ))
        }
    }
}

/// If nothing is open, the counts of products and pairs are those of the orders.
pub(super) fn check_counts(learned: &LearnedCounts, report: &mut Report) {
    let LearnedCounts { orders, products, pairs } = learned;
    // The actual counts, and those that follow from the orders.
    let mut counts: BTreeMap<(&Sku, Option<&Sku>), (i64, i64)> = BTreeMap::new();
    for product in products {
        counts.entry((&product.sku, None)).or_default().0 = product.orders;
    }
    for pair in pairs {
        counts.entry((&pair.sku, Some(&pair.other))).or_default().0 = pair.orders;
    }
    for order in orders {
        for sku in &order.skus {
            counts.entry((sku, None)).or_default().1 += 1;
            for other in order.skus.iter().filter(|other| sku < *other) {
                counts.entry((sku, Some(other))).or_default().1 += 1;
            }
        }
    }
    for ((sku, other), (counted, has)) in counts {
        if counted != has {
            let with = other.map(|other| format!(" with {other}")).unwrap_or_default();
            report.violations.push(format!(
                "recommendations counts {sku}{with} in {counted} orders, but has {has}"
            ));
        }
    }
}
