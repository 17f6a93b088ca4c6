//! The step suite for every step of inventory.

use ballet::SagaId;
use ballet_testkit::steps;
use ballet_testkit::suite::{PublishedEvent, StepCase, StepSuite, published};
use shop_events::orders::{OrderConfirmed, OrderPlaced};
use shop_events::{OrderId, OrderLine};
use shop_rig::samples::{cancelled, money, placed};

steps!(inventory: reserve_stock, commit_stock);

fn inventory() -> StepSuite {
    StepSuite::new(&inventory::participant(), |_, _| inventory::service())
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

/// Holds the goods, or refuses if there are too few.
fn reserve_stock() -> StepCase {
    StepCase::done_by(|saga| vec![wanted(saga, 2)])
        .refused_by(|saga| vec![wanted(saga, 2_000)])
        .aborted_by(cancelled)
        // A row with the key that the order's own row needs.
        .failing_on(
            |saga| {
                format!("insert into reservation values ('{saga}', 'mug', 1, 'released', now())")
            },
            |saga| vec![wanted(saga, 2)],
        )
}

/// Sells the goods that are held, and fails if there are none.
fn commit_stock() -> StepCase {
    StepCase::done_by(confirmed)
        .after(|saga| vec![wanted(saga, 2)])
        .failing_on(|_| String::new(), confirmed)
}

fn wanted(saga: SagaId, mugs: u32) -> PublishedEvent {
    let line = |sku: &str, quantity| OrderLine {
        sku: sku.parse().expect("a SKU"),
        quantity,
        unit_price: money(500),
        product_version: None,
    };
    published(&OrderPlaced {
        lines: vec![line("spoon", 1), line("mug", mugs)],
        total: money(500 * i64::from(mugs + 1)),
        ..placed(saga)
    })
}

fn confirmed(saga: SagaId) -> Vec<PublishedEvent> {
    vec![published(&OrderConfirmed { order_id: OrderId(saga.0), total: money(1_500) })]
}
