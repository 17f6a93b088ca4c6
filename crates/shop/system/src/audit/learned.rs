//! The rules for what recommendations learns: it counts what was sold, and nothing else.

use std::collections::BTreeMap;

use ballet_ops::audit::Report;
use shop_events::Sku;

use crate::audit::rows::{Learned, Order};

/// An order counts if it is completed. That may be a little later: recommendations is no part of the saga.
pub(super) fn check_counted(order: &Order, is_counted: bool, report: &mut Report) {
    let Order { order_id, status, .. } = order;
    match (status == "completed", is_counted) {
        (true, false) => report
            .open
            .push(format!("order {order_id} is {status}, and recommendations has not counted it")),
        (false, true) => report
            .violations
            .push(format!("order {order_id} is {status}, but recommendations counts it")),
        (true, true) | (false, false) => {}
    }
}

/// If nothing is open, the counts of products and pairs are those of the orders.
pub(super) fn check_counts(learned: &Learned, report: &mut Report) {
    let Learned { orders, products, pairs } = learned;
    // What is counted, and what the orders have.
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
