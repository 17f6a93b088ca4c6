//! Audits of carts and their orders.

use ballet_ops::audit::Report;
use jiff::Timestamp;

use crate::audit::judge::judge;
use crate::audit::tests::samples::{checkout, lines, row, shop, violations};

#[test]
fn an_order_has_the_prices_that_its_cart_showed() {
    let mut dearer = shop("completed");
    dearer.orders[0].lines = row(lines(251));
    let found = violations(&dearer).join("\n");
    assert!(found.contains("does not have the lines and prices of its cart"), "{found}");
    let mut cancelled = shop("cancelled");
    // An order that was never placed has no lines.
    (cancelled.orders[0].lines, cancelled.orders[0].total) = (None, None);
    cancelled.payments.clear();
    cancelled.operations.clear();
    assert_eq!(violations(&cancelled), [""; 0]);
}

#[test]
fn a_cart_is_checked_out_once_and_ends_as_its_order() {
    let mut twice = shop("completed");
    let other = "0193f7a0-0000-7000-8000-000000000002";
    twice.checkouts.push(row(checkout(other, "placed")));
    let report = judge(&twice, Timestamp::MAX, &Report::default());
    let found = report.violations.join("\n");
    assert!(found.contains("is checked out more than once: as orders"), "{found}");
    assert!(found.contains("version 1 of cart"), "{found}");
    assert_eq!(report.open.len(), 1, "its order is not known");

    let mut open = shop("completed");
    "open".clone_into(&mut open.carts[0].status);
    "placed".clone_into(&mut open.checkouts[0].status);
    let found = violations(&open).join("\n");
    assert!(found.contains("is completed, but its checkout is placed"), "{found}");
    assert!(found.contains("is open, but its checkout is placed"), "{found}");
}
