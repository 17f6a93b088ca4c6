//! Audits of whole orders.

use ballet_ops::audit::Report;
use jiff::Timestamp;
use serde_json::json;
use shop_events::OrderId;

use crate::audit::judge::judge;
use crate::audit::rows::{
    LearnedCounts, OrderRecord, PaymentRecord, ReservationRecord, ShipmentRecord, ShopSnapshot,
};
use crate::audit::tests::samples::{ORDER, learned, operation, row, shop, violations};

#[test]
fn a_sound_shop_has_no_violations() {
    for status in ["completed", "cancelled"] {
        assert_eq!(violations(&shop(status)), [""; 0], "{status}");
    }
}

#[test]
fn an_order_that_ended_lately_is_not_judged_yet_and_is_not_open() {
    let mut lately = shop("cancelled");
    lately.stock[0].held = 1;
    lately.stock[0].received = 11;
    let report = judge(&lately, Timestamp::UNIX_EPOCH, &Report::default());
    assert_eq!((report.recent.len(), report.open.len()), (1, 0), "{report}");
    assert!(report.is_clean() && !report.is_settled(), "{report}");
    assert!(!judge(&lately, Timestamp::MAX, &Report::default()).is_clean());
    assert_eq!(judge(&shop("confirmed"), Timestamp::MAX, &Report::default()).open.len(), 1);
}

#[test]
fn an_order_that_orders_does_not_know_is_open() {
    let mut shop = shop("completed");
    shop.orders.clear();
    let report = judge(&shop, Timestamp::MAX, &Report::default());
    assert_eq!(report.open, [format!("order {ORDER} was unknown when the orders were read")]);
}

type Clear = fn(&mut ShopSnapshot);

#[test]
fn a_service_that_is_away_is_named_and_the_others_are_judged() {
    for status in ["completed", "cancelled"] {
        let whole = shop(status);
        let without: [(&str, Clear); 7] = [
            ("orders", |shop| shop.orders.clear()),
            ("inventory", |shop| (shop.stock, shop.reservations) = Default::default()),
            ("payments", |shop| (shop.payments, shop.operations) = Default::default()),
            ("shipping", |shop| shop.shipments.clear()),
            ("catalog", |shop| shop.prices.clear()),
            ("cart", |shop| (shop.carts, shop.checkouts) = Default::default()),
            ("recommendations", |shop| shop.learned = LearnedCounts::default()),
        ];
        for (service, clear) in without {
            let mut shop = whole.clone();
            clear(&mut shop);
            shop.away.insert(service, "connection refused".to_owned());
            let report = judge(&shop, Timestamp::MAX, &Report::default());
            assert_eq!(report.away, [format!("the database of {service}: connection refused")]);
            let said = [&report.violations, &report.open, &report.recent, &report.unseen];
            assert!(said.iter().all(|lines| lines.is_empty()), "{service}: {report}");
            assert!(!report.is_settled(), "{report}");
        }
    }
    let mut wrong = shop("completed");
    wrong.stock[0].on_hand = 7;
    wrong.shipments.clear();
    wrong.away.insert("shipping", "connection refused".to_owned());
    let found = judge(&wrong, Timestamp::MAX, &Report::default()).violations.join("\n");
    assert!(found.contains("stock mug does not add up"), "{found}");
}

#[test]
fn stock_that_does_not_add_up_is_named() {
    let mut shop = shop("completed");
    shop.stock[0].on_hand = -1;
    let found = violations(&shop);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|violation| violation.contains("stock mug")), "{found:?}");
}

#[test]
fn a_cancelled_order_holds_nothing() {
    let mut shop = shop("cancelled");
    "held".clone_into(&mut shop.reservations[0].state);
    "scheduled".clone_into(&mut shop.shipments[0].state);
    let found = violations(&shop).join("\n");
    assert!(found.contains("its stock is held"), "{found}");
    assert!(found.contains("its shipment is scheduled"), "{found}");
    assert!(found.contains("orders hold 2"), "{found}");
}

#[test]
fn money_is_captured_once_and_only_for_orders_that_are_fulfilled() {
    let mut twice = shop("completed");
    twice.operations.push(operation(4, "captured"));
    let found = violations(&twice).join("\n");
    assert!(found.contains("was captured 2 times"), "{found}");
    assert!(found.contains("the provider has 1000 of its money instead of 500"), "{found}");

    let mut kept = shop("cancelled");
    kept.payments[0].refunded_minor = 0;
    kept.operations.pop();
    let found = violations(&kept).join("\n");
    assert!(found.contains("payments has 500 of its money instead of 0"), "{found}");
}

#[test]
fn money_that_the_provider_still_holds_for_a_cancelled_order_is_named() {
    let held = format!("order {ORDER} is cancelled: the provider still holds money for it");
    for payment in [Some("voided"), None] {
        let mut shop = shop("cancelled");
        shop.payments[0].captured_minor = 0;
        shop.payments[0].refunded_minor = 0;
        match payment {
            Some(state) => state.clone_into(&mut shop.payments[0].state),
            None => shop.payments.clear(),
        }
        shop.operations = vec![operation(1, "approved")];
        assert_eq!(violations(&shop), [held.as_str()], "{payment:?}");
        for ended in ["voided", "authorization_expired"] {
            shop.operations = vec![operation(1, "approved"), operation(2, ended)];
            assert_eq!(violations(&shop), [""; 0], "{payment:?}, {ended}");
        }
        shop.operations = vec![operation(1, "approved"), operation(2, "capture_refused")];
        assert_eq!(violations(&shop), [held.as_str()], "{payment:?}");
    }
}

#[test]
fn money_of_an_order_that_nobody_knows_is_named() {
    let mut shop = shop("cancelled");
    let unknown = "0193f7a0-0000-7000-8000-000000000002";
    let mut captured = operation(7, "captured");
    captured.order_id = unknown.parse().expect("an id");
    shop.operations.push(captured);
    let report = judge(&shop, Timestamp::MAX, &Report::default());
    assert_eq!(report.open, [format!("order {unknown} was unknown when the orders were read")]);
}

#[test]
fn what_was_sold_is_what_was_ordered() {
    let line = |quantity| json!({ "sku": "mug", "quantity": quantity });
    let pen = json!({ "sku": "pen", "quantity": 1 });
    let mut sold = shop("completed");
    // A product may be on several lines.
    sold.reservations[0].lines = row(json!([line(1), line(1)]));
    assert_eq!(violations(&sold), [""; 0]);
    for (lines, committed) in [(json!([line(1)]), 1), (json!([line(2), pen]), 2), (json!([]), 0)] {
        sold.reservations[0].lines = row(lines);
        (sold.stock[0].committed, sold.stock[0].received) = (committed, 8 + committed);
        let found = violations(&sold);
        assert!(found.len() == 1 && found[0].contains("its stock is of"), "{found:?}");
    }
}

#[test]
fn what_a_provider_that_is_no_sandbox_did_is_named_as_unseen_and_the_rest_is_judged() {
    let mut shop = shop("completed");
    shop.payments[0].reference = "psp_1".to_owned();
    shop.operations.clear();
    let report = judge(&shop, Timestamp::MAX, &Report::default());
    assert!(report.is_clean(), "{report}");
    let [unseen] = &report.unseen[..] else { panic!("{report}") };
    assert!(unseen.starts_with("what the payment provider did: "), "{unseen}");
    assert!(report.to_string().contains("unseen: what the payment provider did"), "{report}");
    shop.payments[0].captured_minor = 0;
    let report = judge(&shop, Timestamp::MAX, &Report::default());
    let expected =
        format!("order {ORDER} is completed: payments has 0 of its money instead of 500");
    assert_eq!(report.violations, [expected]);
}

#[test]
fn what_was_paid_at_the_sandbox_is_compared_with_it_after_the_move_to_an_api() {
    let other = "0193f7a0-0000-7000-8000-000000000002";
    let order_id: OrderId = other.parse().expect("an id");
    let mut both = shop("completed");
    let order = OrderRecord { order_id, ..both.orders[0].clone() };
    let reservation = ReservationRecord { order_id, ..both.reservations[0].clone() };
    let shipment = ShipmentRecord { order_id, ..both.shipments[0].clone() };
    let reference = "psp_1".to_owned();
    let payment = PaymentRecord { order_id, reference, ..both.payments[0].clone() };
    both.orders.push(order);
    both.reservations.push(reservation);
    both.shipments.push(shipment);
    both.payments.push(payment);
    let report = judge(&both, Timestamp::MAX, &Report::default());
    assert!(report.is_clean(), "{report}");
    let [unseen] = &report.unseen[..] else { panic!("{report}") };
    assert!(unseen.starts_with("what the payment provider did: "), "{unseen}");

    both.operations.pop();
    both.payments[1].captured_minor = 0;
    let expected = [
        format!("order {ORDER} is completed: the provider has 0 of its money instead of 500"),
        format!("order {ORDER} is completed: the provider still holds money for it"),
        format!("order {other} is completed: payments has 0 of its money instead of 500"),
    ];
    assert_eq!(judge(&both, Timestamp::MAX, &Report::default()).violations, expected);
}

#[test]
fn only_what_was_sold_is_recommended() {
    let mut cancelled = shop("cancelled");
    cancelled.learned = learned(true);
    let expected = [format!("order {ORDER} is cancelled, but recommendations counts it")];
    assert_eq!(violations(&cancelled), expected);

    // Recommendations may get an event after the saga's end.
    let mut late = shop("completed");
    late.learned = LearnedCounts::default();
    let report = judge(&late, Timestamp::MAX, &Report::default());
    assert_eq!(
        report.open,
        [format!("recommendations has not counted order {ORDER}, which is completed")]
    );
    assert!(report.is_clean());

    let mut twice = shop("completed");
    twice.learned.products[0].orders = 2;
    twice.learned.pairs.clear();
    let expected = [
        "recommendations counts mug in 2 orders, but has 1",
        "recommendations counts mug with pen in 0 orders, but has 1",
    ];
    assert_eq!(violations(&twice), expected);
}

#[test]
fn t219_what_goes_on_or_was_solved_by_a_person_is_no_violation() {
    let mut held = shop("cancelled");
    held.payments[0].state = "authorized".to_owned();
    let saga = held.orders[0].order_id.0;
    assert_eq!(violations(&held).len(), 1);
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
