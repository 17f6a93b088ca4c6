//! The rules of the audit, without I/O, for tests with made-up rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ballet_ops::audit::Report;
use jiff::Timestamp;
use shop_events::{OrderId, Sku};

use crate::audit::carts;
use crate::audit::rows::{
    OperationRecord, OrderRecord, PaymentRecord, ReservationRecord, ShopSnapshot, StockRecord,
};

/// The result for an authorisation that has ended by itself.
const EXPIRED: &str = "authorization_expired";

/// Orders that ended after `quiescent_at` are not judged yet. If `framework` lists an order's saga, its rows need not
/// be at their ends.
pub(super) fn judge(
    snapshot: &ShopSnapshot,
    quiescent_at: Timestamp,
    framework: &Report,
) -> Report {
    let ShopSnapshot { orders, stock, payments, operations, carts, checkouts, .. } = snapshot;
    let rows = orders.len()
        + stock.len()
        + snapshot.reservations.len()
        + payments.len()
        + operations.len()
        + snapshot.shipments.len()
        + carts.len()
        + checkouts.len();
    let mut report = Report { rows, ..Report::default() };
    for stock in stock {
        check_stock(stock, &mut report);
    }
    let at_provider = check_provider(operations, &mut report);
    let reservations: HashMap<_, _> =
        snapshot.reservations.iter().map(|row| (row.order_id, row)).collect();
    let payments: HashMap<_, _> = payments.iter().map(|row| (row.order_id, row)).collect();
    let shipments: HashMap<_, _> =
        snapshot.shipments.iter().map(|row| (row.order_id, row.state.as_str())).collect();
    for order in orders {
        let OrderRecord { order_id, status, changed_at, .. } = order;
        if !matches!(status.as_str(), "completed" | "cancelled") {
            report.open.push(format!("order {order_id} is {status} since {changed_at}"));
            continue;
        }
        if *changed_at > quiescent_at {
            report.recent.push(format!("order {order_id} is {status} since {changed_at}"));
            continue;
        }
        let payment = payments.get(order_id).copied();
        let reservation = reservations.get(order_id).copied();
        let mut unlike: Vec<(&str, String)> = Vec::new();
        // A provider's API lists no operations: its money is judged by the rows of payments alone.
        let theirs = at_provider.get(order_id).copied().unwrap_or_default();
        let theirs = (!operations.is_empty()).then_some(theirs);
        let wrong = wrong_money(order, payment, theirs);
        unlike.extend(wrong.into_iter().map(|wrong| ("payments", wrong)));
        unlike.extend(wrong_goods(order, reservation).map(|wrong| ("inventory", wrong)));
        let found = [
            ("inventory", "stock", reservation.map(|reservation| reservation.state.as_str())),
            ("payments", "payment", payment.map(|payment| payment.state.as_str())),
            ("shipping", "shipment", shipments.get(order_id).copied()),
        ];
        for (service, what, state) in found {
            if !fits(what, state.unwrap_or("none"), status) {
                let state = state.unwrap_or("missing");
                let wrong = format!("order {order_id} is {status}, but its {what} is {state}");
                unlike.push((service, wrong));
            }
        }
        for (service, wrong) in unlike {
            let by_hand = framework.by_hand.get(&(order_id.0, service.to_owned()));
            match (by_hand, framework.unsettled.get(&order_id.0)) {
                (Some(by_hand), _) => report.unseen.push(format!("{wrong}; {by_hand}")),
                (None, Some(true)) => report.stuck.push(format!("{wrong}: its saga is stuck")),
                (None, Some(false)) => report.open.push(format!("{wrong}: its saga goes on")),
                (None, None) => report.violations.push(wrong),
            }
        }
    }
    let known: HashSet<OrderId> = orders.iter().map(|order| order.order_id).collect();
    let checked_out = checkouts.iter().map(|checkout| &checkout.order_id);
    let named = reservations.keys().chain(payments.keys()).chain(shipments.keys());
    let named = named.chain(checked_out).chain(at_provider.keys());
    for order_id in named.copied().collect::<BTreeSet<_>>() {
        if !known.contains(&order_id) {
            // Placed during the read. If it stays open, orders does not know it.
            report.open.push(format!("order {order_id} was unknown when the orders were read"));
        }
    }
    carts::check_orders(checkouts, orders, &mut report);
    if report.open.is_empty() && report.recent.is_empty() {
        check_sums(snapshot, &mut report);
        carts::check_ends(snapshot, &mut report);
    }
    report
}

fn fits(what: &str, state: &str, status: &str) -> bool {
    let fitting: &[&str] = match (what, status) {
        ("stock", "completed") => &["committed"],
        ("stock", _) => &["none", "released"],
        ("payment", "completed") => &["captured"],
        ("payment", _) => &["none", "voided", "refunded"],
        (_, "completed") => &["delivered"],
        (_, _) => &["none", "cancelled"],
    };
    fitting.contains(&state)
}

/// Per SKU: on hand + held + committed = received, and nothing is negative.
fn check_stock(stock: &StockRecord, report: &mut Report) {
    let StockRecord { sku, on_hand, held, committed, received } = stock;
    if [on_hand, held, committed].iter().any(|count| **count < 0) {
        report.violations.push(format!(
            "stock {sku} is negative: {on_hand} on hand, {held} held, {committed} committed"
        ));
    }
    if on_hand + held + committed != *received {
        report.violations.push(format!(
            "stock {sku} does not add up: {on_hand} on hand + {held} held + {committed} committed \
             is not {received} received"
        ));
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct ProviderMoney {
    /// Captured less refunded.
    kept: i64,
    /// Authorised, and neither captured nor released.
    is_held: bool,
}

/// The provider must do nothing twice, under any keys. Returns its money for each order.
fn check_provider(
    operations: &[OperationRecord],
    report: &mut Report,
) -> HashMap<OrderId, ProviderMoney> {
    let mut money: HashMap<OrderId, ProviderMoney> = HashMap::new();
    let mut effects: BTreeMap<(OrderId, &str), Vec<&OperationRecord>> = BTreeMap::new();
    for operation in operations {
        let Some(result @ ("approved" | "captured" | "voided" | "refunded" | EXPIRED)) =
            operation.result.as_deref()
        else {
            continue;
        };
        effects.entry((operation.order_id, result)).or_default().push(operation);
        let amount = operation.amount.amount_minor;
        let ProviderMoney { kept, .. } = money.entry(operation.order_id).or_default();
        match result {
            "captured" => *kept += amount,
            "refunded" => *kept -= amount,
            _ => {}
        }
    }
    for (order_id, money) in &mut money {
        let was = |result| effects.contains_key(&(*order_id, result));
        money.is_held = was("approved") && !["captured", "voided", EXPIRED].into_iter().any(was);
    }
    for ((order_id, result), operations) in &effects {
        // A capture and the void after it both learn that the authorisation has ended.
        if operations.len() > 1 && *result != EXPIRED {
            let keys: Vec<String> =
                operations.iter().map(|operation| operation.idempotency_key.to_string()).collect();
            let (times, keys) = (operations.len(), keys.join(", "));
            report
                .violations
                .push(format!("order {order_id} was {result} {times} times, under keys {keys}"));
        }
        if *result == "captured" && effects.contains_key(&(*order_id, "voided")) {
            report.violations.push(format!("order {order_id} was both captured and voided"));
        }
    }
    money
}

/// Captured less refunded must be the total of a completed order and zero of a cancelled one, in our rows and in the
/// provider's, if they can be read; and nothing may be held. Returns the violations.
fn wrong_money(
    order: &OrderRecord,
    payment: Option<&PaymentRecord>,
    at_provider: Option<ProviderMoney>,
) -> Vec<String> {
    let OrderRecord { order_id, status, total, .. } = order;
    let due = match (status.as_str(), total) {
        ("completed", Some(total)) => total.amount_minor,
        _ => 0,
    };
    let ours = payment.map_or(0, |payment| payment.captured_minor - payment.refunded_minor);
    let theirs = at_provider.map(|theirs| ("the provider has", theirs.kept));
    let all = [("payments has", ours)].into_iter().chain(theirs);
    let unlike = all.filter(|(_, kept)| *kept != due).map(|(who, kept)| {
        format!("order {order_id} is {status}: {who} {kept} of its money instead of {due}")
    });
    let mut wrong: Vec<String> = unlike.collect();
    if at_provider.is_some_and(|theirs| theirs.is_held) {
        wrong.push(format!("order {order_id} is {status}: the provider still holds money for it"));
    }
    if let (Some(payment), Some(total)) = (payment, total)
        && payment.amount != *total
    {
        wrong.push(format!(
            "order {order_id} costs {} {}, but {} {} were authorised",
            total.amount_minor,
            total.currency,
            payment.amount.amount_minor,
            payment.amount.currency
        ));
    }
    wrong
}

/// Checks that a completed order was sold the goods of its lines, added up by SKU. Returns the violation, if any.
fn wrong_goods(order: &OrderRecord, reservation: Option<&ReservationRecord>) -> Option<String> {
    let OrderRecord { order_id, status, lines, .. } = order;
    let sold = reservation.filter(|_| status == "completed")?;
    let ordered = lines.iter().flatten().map(|line| (&line.sku, u64::from(line.quantity)));
    let ordered = merged(ordered);
    let sold = merged(sold.lines.iter().map(|line| (&line.sku, line.quantity)));
    (sold != ordered).then(|| {
        let words = |goods: &BTreeMap<&Sku, u64>| {
            let words = goods.iter().map(|(sku, quantity)| format!("{quantity} {sku}"));
            words.collect::<Vec<_>>().join(", ")
        };
        let (ordered, sold) = (words(&ordered), words(&sold));
        format!("order {order_id} is {status} and has {ordered}, but its stock is of [{sold}]")
    })
}

fn merged<'a>(lines: impl Iterator<Item = (&'a Sku, u64)>) -> BTreeMap<&'a Sku, u64> {
    let mut goods = BTreeMap::new();
    for (sku, quantity) in lines {
        *goods.entry(sku).or_default() += quantity;
    }
    goods
}

/// If nothing is open, the held and sold stock is what the orders hold and bought.
fn check_sums(snapshot: &ShopSnapshot, report: &mut Report) {
    let mut reserved: HashMap<_, (i64, i64)> = HashMap::new();
    for reservation in &snapshot.reservations {
        for line in &reservation.lines {
            let (held, committed) = reserved.entry(&line.sku).or_default();
            let quantity = i64::try_from(line.quantity).unwrap_or(i64::MAX);
            match reservation.state.as_str() {
                "held" => *held += quantity,
                "committed" => *committed += quantity,
                _ => {}
            }
        }
    }
    for stock in &snapshot.stock {
        let (held, committed) = reserved.get(&stock.sku).copied().unwrap_or_default();
        if (held, committed) != (stock.held, stock.committed) {
            report.violations.push(format!(
                "stock {}: {} held and {} committed, but orders hold {held} and bought {committed}",
                stock.sku, stock.held, stock.committed
            ));
        }
    }
}
