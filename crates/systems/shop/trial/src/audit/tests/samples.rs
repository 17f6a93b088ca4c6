//! Made-up shops for tests of the audit.

use std::collections::BTreeMap;

use ballet_ops::audit::Report;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::audit::judge::judge;
use crate::audit::rows::{
    LearnedCounts, OperationRecord, PriceRecord, ReservationRecord, ShipmentRecord, ShopSnapshot,
};

pub(super) const ORDER: &str = "0193f7a0-0000-7000-8000-000000000001";
const CART: &str = "0193f7a0-0000-7000-8000-0000000000c1";

pub(super) fn row<Row: DeserializeOwned>(value: Value) -> Row {
    serde_json::from_value(value).expect("a row")
}

pub(super) fn euros(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "EUR" })
}

pub(super) fn lines(amount_minor: i64) -> Value {
    json!([{ "sku": "mug", "quantity": 2, "unit_price": euros(amount_minor) }])
}

pub(super) fn price(
    version: u8,
    amount_minor: i64,
    since: &str,
    until: Option<&str>,
) -> PriceRecord {
    row(json!({ "sku": "mug", "version": version, "price": euros(amount_minor), "since": since,
        "until": until }))
}

pub(super) fn checkout(order_id: &str, status: &str) -> Value {
    json!({ "order_id": order_id, "cart_id": CART, "cart_version": 1, "lines": lines(250),
        "total": euros(500), "status": status })
}

pub(super) fn operation(key: u8, result: &str) -> OperationRecord {
    row(json!({
        "idempotency_key": format!("0193f7a0-0000-7000-8000-0000000001{key:02}"),
        "order_id": ORDER, "reference": "auth_1", "amount": euros(500), "result": result,
    }))
}

/// Returns a shop with one quiescent order.
pub(super) fn shop(status: &str) -> ShopSnapshot {
    let completed = status == "completed";
    let state = |yes: &str, no: &str| if completed { yes.to_owned() } else { no.to_owned() };
    let (committed, on_hand) = if completed { (2, 8) } else { (0, 10) };
    let order = json!({ "order_id": ORDER, "status": status, "total": euros(500),
        "lines": lines(250), "created_at": "2026-01-01T00:00:00Z",
        "changed_at": "2026-01-01T00:00:00Z" });
    let stock = json!({ "sku": "mug", "on_hand": on_hand, "held": 0, "committed": committed,
        "received": 10 });
    let reservation: ReservationRecord = row(json!({ "order_id": ORDER,
        "state": state("committed", "released"), "lines": [{ "sku": "mug", "quantity": 2 }] }));
    let payment = json!({ "order_id": ORDER, "state": state("captured", "refunded"),
        "amount": euros(500), "reference": "auth_1", "captured_minor": 500,
        "refunded_minor": if completed { 0 } else { 500 } });
    let shipment: ShipmentRecord =
        row(json!({ "order_id": ORDER, "state": state("delivered", "cancelled") }));
    let mut operations = vec![operation(1, "approved"), operation(2, "captured")];
    if !completed {
        operations.push(operation(3, "refunded"));
    }
    ShopSnapshot {
        read_at: Timestamp::UNIX_EPOCH,
        away: BTreeMap::new(),
        orders: vec![row(order)],
        stock: vec![row(stock)],
        reservations: vec![reservation],
        payments: vec![row(payment)],
        operations,
        shipments: vec![shipment],
        prices: vec![price(1, 250, "2024-01-01T00:00:00Z", None)],
        carts: vec![row(json!({ "cart_id": CART, "order_id": ORDER,
            "status": state("closed", "open") }))],
        checkouts: vec![row(checkout(ORDER, &state("confirmed", "cancelled")))],
        learned: learned(completed),
    }
}

/// Returns the counts of an order of two products, or empty ones.
pub(super) fn learned(counts: bool) -> LearnedCounts {
    if !counts {
        return LearnedCounts::default();
    }
    let product = |sku: &str| row(json!({ "sku": sku, "orders": 1 }));
    LearnedCounts {
        orders: vec![row(json!({ "order_id": ORDER, "skus": ["mug", "pen"] }))],
        products: ["mug", "pen"].map(product).into(),
        pairs: vec![row(json!({ "sku": "mug", "other": "pen", "orders": 1 }))],
    }
}

pub(super) fn violations(snapshot: &ShopSnapshot) -> Vec<String> {
    let report = judge(snapshot, Timestamp::MAX, &Report::default());
    assert_eq!(report.open, [""; 0], "everything is quiescent");
    assert_eq!(report.unseen, [""; 0], "everything is seen");
    report.violations
}
