//! The rules for carts: a cart is checked out at most once, at the prices that it showed, and ends as its order does.

use std::collections::{BTreeMap, HashMap};

use ballet_ops::audit::Report;
use shop_events::{OrderId, OrderLine};

use crate::audit::rows::{CartRecord, CheckoutRecord, OrderRecord, ShopSnapshot};

/// Checks rules that hold at any moment.
pub(super) fn check_orders(
    checkouts: &[CheckoutRecord],
    orders: &[OrderRecord],
    report: &mut Report,
) {
    let mut live: BTreeMap<_, Vec<OrderId>> = BTreeMap::new();
    let mut versions: BTreeMap<_, Vec<OrderId>> = BTreeMap::new();
    for CheckoutRecord { order_id, cart_id, cart_version, status, .. } in checkouts {
        versions.entry((cart_id, cart_version)).or_default().push(*order_id);
        if status != "cancelled" {
            live.entry(cart_id).or_default().push(*order_id);
        }
    }
    for (cart_id, orders) in live.iter().filter(|(_, orders)| orders.len() > 1) {
        let orders = in_words(orders);
        let twice = format!("cart {cart_id} is checked out more than once: as orders {orders}");
        report.violations.push(twice);
    }
    for ((cart_id, version), orders) in versions.iter().filter(|(_, orders)| orders.len() > 1) {
        let orders = in_words(orders);
        let twice = format!("version {version} of cart {cart_id} became the orders {orders}");
        report.violations.push(twice);
    }
    let orders: HashMap<OrderId, &OrderRecord> =
        orders.iter().map(|order| (order.order_id, order)).collect();
    for CheckoutRecord { order_id, lines, total, .. } in checkouts {
        let Some(OrderRecord { lines: Some(ordered), total: placed, .. }) = orders.get(order_id)
        else {
            // Not placed yet, or never.
            continue;
        };
        let goods = |lines: &[OrderLine]| -> Vec<_> {
            let good = |line: &OrderLine| (line.sku.clone(), line.quantity, line.unit_price);
            lines.iter().map(good).collect()
        };
        if goods(ordered) != goods(lines) || placed.as_ref() != Some(total) {
            report.violations.push(format!(
                "order {order_id} does not have the lines and prices of its cart: {ordered:?} is \
                 not {lines:?}"
            ));
        }
    }
}

/// Checks rules that hold if nothing is open.
pub(super) fn check_ends(snapshot: &ShopSnapshot, report: &mut Report) {
    let ShopSnapshot { orders, carts, checkouts, .. } = snapshot;
    let orders: HashMap<OrderId, &str> =
        orders.iter().map(|order| (order.order_id, order.status.as_str())).collect();
    let mut ends: HashMap<OrderId, &str> = HashMap::new();
    for CheckoutRecord { order_id, status, .. } in checkouts {
        ends.insert(*order_id, status);
        let order = orders.get(order_id).copied().unwrap_or("unknown");
        if !matches!(
            (order, status.as_str()),
            ("completed", "confirmed") | ("cancelled", "cancelled")
        ) {
            let unlike = format!("order {order_id} is {order}, but its checkout is {status}");
            report.violations.push(unlike);
        }
    }
    for CartRecord { cart_id, status, order_id } in carts {
        let end = order_id.and_then(|order_id| ends.get(&order_id).copied()).unwrap_or("none");
        let fits = match status.as_str() {
            "open" => matches!(end, "none" | "cancelled"),
            "closed" => matches!(end, "confirmed" | "cancelled"),
            // `checked_out`: the order of such a cart has ended.
            _ => false,
        };
        if !fits {
            let unlike = format!("cart {cart_id} is {status}, but its checkout is {end}");
            report.violations.push(unlike);
        }
    }
}

fn in_words(orders: &[OrderId]) -> String {
    orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
