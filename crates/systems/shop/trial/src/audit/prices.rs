//! The rule for prices: an order has the prices that catalog offered at its checkout.

use std::collections::HashMap;

use ballet_core::id;
use ballet_ops::audit::Report;
use jiff::SignedDuration;
use shop_events::{Money, OrderLine, Sku};

use crate::audit::rows::{OrderRecord, PriceRecord};

/// So long an order may have a replaced price, because a copy was behind.
const BEHIND: SignedDuration = SignedDuration::from_mins(15);

pub(super) fn check(orders: &[OrderRecord], prices: &[PriceRecord], report: &mut Report) {
    let paid = orders.iter().filter(|order| matches!(&*order.status, "confirmed" | "completed"));
    let paid = paid.filter_map(|order| Some((order, order.lines.as_ref()?)));
    let mut by_sku: HashMap<&Sku, Vec<&PriceRecord>> = HashMap::new();
    for price in prices {
        by_sku.entry(&price.sku).or_default().push(price);
    }
    let mut before = Vec::new();
    for (order, lines) in paid {
        let (order_id, total) = (order.order_id, order.total);
        if sum(lines) != total {
            let wrong =
                format!("order {order_id} costs {total:?}, which is not the sum of {lines:?}");
            report.violations.push(wrong);
        }
        let at = id::time_of(order_id.0).map_or(order.created_at, |at| at.min(order.created_at));
        for line in lines {
            let OrderLine { sku, unit_price, .. } = line;
            let known = by_sku.get(sku).map_or(&[][..], Vec::as_slice);
            let was_offered = known.iter().any(|price| {
                let is_over = price.until.is_some_and(|until| until + BEHIND < at);
                price.price == *unit_price && price.since <= at + BEHIND && !is_over
            });
            // Before the first price that catalog noted: it noted none then, or a wrong clock dated the order. Nobody
            // buys a product that does not exist, so a later price was offered.
            let first = known.iter().min_by_key(|price| price.version);
            let is_unknown = first.is_some_and(|first| {
                let is_known = known.iter().any(|price| price.price == *unit_price);
                at < first.since && (first.version > 1 || is_known)
            });
            if was_offered {
                continue;
            } else if by_sku.is_empty() || is_unknown {
                before.push(order_id);
                break;
            }
            report.violations.push(format!(
                "order {order_id} was sold {sku} for {} {}, which catalog did not offer it for at {at}",
                unit_price.amount_minor, unit_price.currency
            ));
        }
    }
    if let Some(first) = before.first() {
        report.unseen.push(format!(
            "the prices of {} orders, among them {first}: catalog has not noted what it offered at the time of their ids",
            before.len()
        ));
    }
}

fn sum(lines: &[OrderLine]) -> Option<Money> {
    let mut prices = lines.iter().map(|line| line.unit_price.times(line.quantity));
    let first = prices.next()??;
    prices.try_fold(first, |sum, price| sum.plus(price?))
}
