//! Sample events for the step tests of several services.

use ballet::SagaId;
use ballet_testkit::suite::{PublishedEvent, published};
use shop_events::orders::{CancelReason, OrderCancelled, OrderPlaced};
use shop_events::{Address, CustomerId, Money, OrderId};

/// Returns an order without goods, for services that do not need them.
pub fn placed(saga: SagaId) -> OrderPlaced {
    OrderPlaced {
        order_id: OrderId(saga.0),
        customer_id: CustomerId(saga.0),
        lines: Vec::new(),
        total: money(1_500),
        card_token: "card_approved".to_owned(),
        ship_to: Address {
            name: "Ada".to_owned(),
            street: "Main Street 1".to_owned(),
            postal_code: String::new(),
            city: "Dublin".to_owned(),
            country: "IE".parse().expect("a country"),
        },
        placed_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
    }
}

/// Returns the event that the customer cancels.
pub fn cancelled(saga: SagaId) -> Vec<PublishedEvent> {
    let (order_id, reason) = (OrderId(saga.0), CancelReason::CustomerCancelled);
    vec![published(&OrderCancelled { order_id, reason, failed_step: None, detail: None })]
}

pub fn money(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "EUR".parse().expect("a currency") }
}
