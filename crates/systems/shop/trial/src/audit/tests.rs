//! The audit of made-up shops, each with one quiescent order.

use ballet_ops::audit::Report;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::audit::judge::judge;
use crate::audit::rows::{OperationRecord, ShopSnapshot};

const ORDER: &str = "0193f7a0-0000-7000-8000-000000000001";
const OTHER: &str = "0193f7a0-0000-7000-8000-000000000002";
const CART: &str = "0193f7a0-0000-7000-8000-0000000000c1";

fn row<Row: DeserializeOwned>(value: Value) -> Row {
    serde_json::from_value(value).expect("a row")
}

fn euros(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "EUR" })
}

fn lines(amount_minor: i64) -> Value {
    json!([{ "sku": "mug", "quantity": 2, "unit_price": euros(amount_minor) }])
}

fn checkout(order_id: &str, status: &str) -> Value {
    json!({ "order_id": order_id, "cart_id": CART, "cart_version": 1, "lines": lines(250),
        "total": euros(500), "status": status })
}

fn operation(order_id: &str, key: u8, result: &str) -> OperationRecord {
    row(json!({ "idempotency_key": format!("0193f7a0-0000-7000-8000-0000000001{key:02}"),
        "order_id": order_id, "amount": euros(500), "result": result }))
}

fn shop(status: &str) -> ShopSnapshot {
    let completed = status == "completed";
    let state = |yes: &'static str, no: &'static str| if completed { yes } else { no };
    let (committed, on_hand, refunded) = if completed { (2, 8, 0) } else { (0, 10, 500) };
    let order = json!({ "order_id": ORDER, "status": status, "total": euros(500),
        "lines": lines(250), "changed_at": "2026-01-01T00:00:00Z" });
    let stock = json!({ "sku": "mug", "on_hand": on_hand, "held": 0, "committed": committed,
        "received": 10 });
    let reservation = json!({ "order_id": ORDER, "state": state("committed", "released"),
        "lines": [{ "sku": "mug", "quantity": 2 }] });
    let payment = json!({ "order_id": ORDER, "state": state("captured", "refunded"),
        "amount": euros(500), "captured_minor": 500, "refunded_minor": refunded });
    let shipment = json!({ "order_id": ORDER, "state": state("delivered", "cancelled") });
    let cart = json!({ "cart_id": CART, "order_id": ORDER, "status": state("closed", "open") });
    let mut operations = vec![operation(ORDER, 1, "approved"), operation(ORDER, 2, "captured")];
    if !completed {
        operations.push(operation(ORDER, 3, "refunded"));
    }
    ShopSnapshot {
        read_at: Timestamp::UNIX_EPOCH,
        orders: vec![row(order)],
        stock: vec![row(stock)],
        reservations: vec![row(reservation)],
        payments: vec![row(payment)],
        operations,
        shipments: vec![row(shipment)],
        carts: vec![row(cart)],
        checkouts: vec![row(checkout(ORDER, state("confirmed", "cancelled")))],
    }
}

/// Makes one thing wrong.
type Spoil = fn(&mut ShopSnapshot);

#[test]
fn what_does_not_fit_is_named() {
    let cases: [(&str, &str, Spoil); 11] = [
        ("completed", "stock mug is negative", |shop| shop.stock[0].on_hand = -1),
        ("completed", "stock mug does not add up", |shop| shop.stock[0].on_hand = 7),
        ("cancelled", "its stock is held", |shop| shop.reservations[0].state = "held".to_owned()),
        ("cancelled", "its shipment is scheduled", |shop| {
            shop.shipments[0].state = "scheduled".to_owned();
        }),
        ("completed", "its stock is of [1 mug]", |shop| shop.reservations[0].lines[0].quantity = 1),
        ("completed", "was captured 2 times", |shop| {
            shop.operations.push(operation(ORDER, 4, "captured"));
        }),
        ("cancelled", "the provider has 500 of its money instead of 0", |shop| {
            shop.operations.pop();
        }),
        ("cancelled", "the provider still holds money for it", |shop| {
            shop.operations.truncate(1);
        }),
        ("completed", "payments has 0 of its money instead of 500", |shop| {
            shop.payments[0].captured_minor = 0;
        }),
        ("completed", "does not have the lines and prices of its cart", |shop| {
            shop.orders[0].lines = row(lines(251));
        }),
        ("completed", "is completed, but its checkout is placed", |shop| {
            shop.checkouts[0].status = "placed".to_owned();
        }),
    ];
    for status in ["completed", "cancelled"] {
        let sound = judge(&shop(status), Timestamp::MAX, &Report::default());
        assert!(sound.is_settled(), "{sound}");
    }
    for (status, named, spoil) in cases {
        let mut shop = shop(status);
        spoil(&mut shop);
        let found = judge(&shop, Timestamp::MAX, &Report::default()).violations.join("\n");
        assert!(found.contains(named), "{named}: {found}");
    }
}

#[test]
fn what_is_still_under_way_is_open() {
    let mut lately = shop("cancelled");
    lately.stock[0].held = 1;
    lately.stock[0].received = 11;
    let report = judge(&lately, Timestamp::UNIX_EPOCH, &Report::default());
    assert_eq!((report.recent.len(), report.open.len()), (1, 0), "{report}");
    assert!(report.is_clean() && !report.is_settled(), "{report}");
    assert_eq!(judge(&shop("confirmed"), Timestamp::MAX, &Report::default()).open.len(), 1);

    let mut twice = shop("completed");
    twice.checkouts.push(row(checkout(OTHER, "placed")));
    twice.operations.push(operation(OTHER, 7, "captured"));
    let report = judge(&twice, Timestamp::MAX, &Report::default());
    assert_eq!(report.open, [format!("order {OTHER} was unknown when the orders were read")]);
    let found = report.violations.join("\n");
    assert!(found.contains("is checked out more than once: as orders"), "{found}");
    assert!(found.contains("version 1 of cart"), "{found}");
}

#[test]
fn t219_what_goes_on_or_was_solved_by_a_person_is_no_violation() {
    let mut held = shop("cancelled");
    held.payments[0].state = "authorized".to_owned();
    let saga = held.orders[0].order_id.0;
    let waits = |is_stuck| {
        let framework = Report { unsettled: [(saga, is_stuck)].into(), ..Report::default() };
        let Report { violations, open, stuck, .. } = judge(&held, Timestamp::MAX, &framework);
        (violations.len(), open.len(), stuck.len())
    };
    assert_eq!((waits(false), waits(true)), ((0, 1, 0), (0, 0, 1)));
    let by_hand = |service: &str| {
        let words = "Ada compensated authorize_payment by hand: by phone".to_owned();
        let by_hand = [((saga, service.to_owned()), words)].into();
        judge(&held, Timestamp::MAX, &Report { by_hand, ..Report::default() })
    };
    let solved = by_hand("payments");
    assert!(solved.is_settled() && solved.unseen[0].contains("by phone"), "{solved}");
    // Another service's manual compensation explains nothing here.
    assert_eq!(by_hand("inventory").violations.len(), 1);
}
