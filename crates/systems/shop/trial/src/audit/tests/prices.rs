//! Audits of prices and offers.

use ballet_ops::audit::Report;
use jiff::Timestamp;
use serde_json::json;

use crate::audit::judge::judge;
use crate::audit::tests::samples::{euros, price, row, shop, violations};

#[test]
fn t202_what_was_paid_is_what_was_offered_then() {
    let (day, later) = ("2025-12-31T00:00:00Z", "2026-01-02T00:00:00Z");
    // `ORDER` is of December 2024, by its id.
    let (long_ago, before) = ("2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z");
    for (prices, fine) in [
        (vec![price(1, 250, long_ago, None)], true),
        (vec![price(1, 250, long_ago, Some(day)), price(2, 300, day, None)], true),
        (vec![price(1, 300, long_ago, None)], false),
        (vec![price(1, 250, long_ago, Some(before)), price(2, 300, before, None)], false),
        (vec![price(1, 300, long_ago, Some(later)), price(2, 250, later, None)], false),
        (vec![price(1, 300, later, None)], false),
    ] {
        let mut shop = shop("completed");
        shop.prices = prices;
        let violations = violations(&shop);
        assert_eq!(violations.is_empty(), fine, "{violations:?} of {:?}", shop.prices);
        assert!(violations.iter().all(|line| line.contains("did not offer it")), "{violations:?}");
    }
    let mut unknown = shop("completed");
    // The last product was sold before it existed, because of a wrong clock.
    for prices in [vec![], vec![price(2, 300, later, None)], vec![price(1, 250, later, None)]] {
        unknown.prices = prices;
        let report = judge(&unknown, Timestamp::MAX, &Report::default());
        assert_eq!((report.violations.len(), report.unseen.len()), (0, 1), "{report}");
    }
    let mut other_sum = shop("completed");
    other_sum.orders[0].lines = Some(row(json!([{ "sku": "mug", "quantity": 1,
        "unit_price": euros(250) }])));
    let wrong = violations(&other_sum);
    assert!(wrong.iter().any(|line| line.contains("is not the sum")), "{wrong:?}");
}
