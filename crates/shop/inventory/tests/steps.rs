//! Every step of inventory, tried by the suite for steps.

use ballet::SagaId;
use ballet_testkit::steps;
use ballet_testkit::suite::{Case, Suite, Told, told};
use shop_events::orders::{CancelReason, OrderCancelled, OrderConfirmed, OrderPlaced};
use shop_events::{Address, CustomerId, Money, OrderId, OrderLine};

steps!(inventory: reserve_stock, commit_stock);

fn inventory() -> Suite {
    Suite::new(&inventory::participant(), |_, _| inventory::service())
        .reference(
            "insert into stock (sku, on_hand, received, created_at)
             values ('mug', 1000, 1000, now()), ('spoon', 500, 500, now())",
        )
        .effects("stock", "select sku, on_hand, held, committed from stock")
        .effects(
            "kept",
            "select order_id, sku, quantity, state from reservation where state <> 'released'",
        )
        .records("reservation", "select * from reservation")
}

/// Holds goods, or says which are short.
fn reserve_stock() -> Case {
    Case::done_by(|saga| vec![placed(saga, 2)])
        .refused_by(|saga| vec![placed(saga, 2_000)])
        .aborted_by(cancelled)
        // A row that is in the way of the order's own.
        .failing_on(
            |saga| {
                format!("insert into reservation values ('{saga}', 'mug', 1, 'released', now())")
            },
            |saga| vec![placed(saga, 2)],
        )
}

/// Sells what is held; without anything held it fails.
fn commit_stock() -> Case {
    Case::done_by(confirmed)
        .after(|saga| vec![placed(saga, 2)])
        .failing_on(|_| String::new(), confirmed)
}

fn placed(saga: SagaId, mugs: u32) -> Told {
    let price = |amount_minor| Money { amount_minor, currency: "EUR".parse().expect("a currency") };
    let line = |sku: &str, quantity| OrderLine {
        sku: sku.parse().expect("a SKU"),
        quantity,
        unit_price: price(500),
    };
    told(&OrderPlaced {
        order_id: OrderId(saga.0),
        customer_id: CustomerId(saga.0),
        lines: vec![line("spoon", 1), line("mug", mugs)],
        total: price(500 * i64::from(mugs + 1)),
        card_token: "card_approved".to_owned(),
        ship_to: Address {
            name: "Ada".to_owned(),
            street: "Main Street 1".to_owned(),
            postal_code: String::new(),
            city: "Dublin".to_owned(),
            country: "IE".parse().expect("a country"),
        },
        placed_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
    })
}

fn confirmed(saga: SagaId) -> Vec<Told> {
    let total = Money { amount_minor: 1_500, currency: "EUR".parse().expect("a currency") };
    vec![told(&OrderConfirmed { order_id: OrderId(saga.0), total })]
}

fn cancelled(saga: SagaId) -> Vec<Told> {
    let (order_id, reason) = (OrderId(saga.0), CancelReason::CustomerCancelled);
    vec![told(&OrderCancelled { order_id, reason, failed_step: None, detail: None })]
}
