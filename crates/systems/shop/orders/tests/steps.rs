//! The step suite for every step of orders.

use ballet::SagaId;
use ballet_testkit::steps;
use ballet_testkit::suite::{PublishedEvent, StepCase, StepSuite, published};
use orders::config::DEADLINE;
use shop_events::cart::CartCheckedOut;
use shop_events::inventory::{ReservationFailure, StockCommitted, StockReservationFailed};
use shop_events::payments::PaymentCaptured;
use shop_events::shipping::ShipmentDelivered;
use shop_events::{Address, CustomerId, Money, OrderId, OrderLine, ShipmentId};
use uuid::Uuid;

steps!(orders: place_order, accept_checkout, confirm_order, complete_order);

/// The product as catalog would have published it.
const MUG: &str = r#"insert into ballet.copy (entity, id, version, state) values ('product', 'mug', 1, '{
    "sku": "mug", "version": 1, "title": "A mug", "description": "", "category": "kitchen", "tags": [],
    "price": {"amount_minor": 1500, "currency": "EUR"},
    "published_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z"}')"#;

fn orders() -> StepSuite {
    StepSuite::new(&orders::participant(DEADLINE), |_, _| orders::service(DEADLINE))
        .reference(MUG)
        .effects(
            "order",
            "select order_id, status, total_minor from customer_order where status <> 'cancelled'",
        )
        .records("order's row", "select * from customer_order")
}

/// Places an order by a request.
fn place_order() -> StepCase {
    StepCase::done_by_request("/orders", &checkout(2)).refused_by_request("/orders", &checkout(0))
}

/// Places an order by a message. An impossible order is cancelled at once.
fn accept_checkout() -> StepCase {
    StepCase::done_by(|_| vec![published(&checkout(2))])
        .refused_by(|_| vec![published(&checkout(0))])
        .aborted_by(short)
        // A row with the key that the order's own row needs.
        .failing_on(
            |saga| {
                format!(
                    "insert into customer_order
                         (order_id, status, reason, created_at, changed_at)
                     values ('{saga}', 'cancelled', 'invalid',
                         '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')"
                )
            },
            |_| vec![published(&checkout(2))],
        )
}

/// Confirms the order, and fails if the saga has not begun.
fn confirm_order() -> StepCase {
    StepCase::done_by(captured)
        .after(|_| placed())
        .aborted_by(short)
        .failing_on(|_| String::new(), captured)
}

/// Completes the order, and fails if it is not confirmed.
fn complete_order() -> StepCase {
    StepCase::done_by(delivered)
        .after(|saga| [placed(), captured(saga)].concat())
        .failing_on(|_| String::new(), |saga| [placed(), delivered(saga)].concat())
}

fn checkout(mugs: u32) -> CartCheckedOut {
    let mug = OrderLine {
        sku: "mug".parse().expect("a SKU"),
        quantity: mugs,
        unit_price: money(1_500),
        product_version: None,
    };
    CartCheckedOut {
        cart_id: None,
        customer_id: CustomerId(Uuid::nil()),
        lines: vec![mug],
        card_token: "card_approved".to_owned(),
        ship_to: Address {
            name: "Ada".to_owned(),
            street: "Main Street 1".to_owned(),
            postal_code: String::new(),
            city: "Dublin".to_owned(),
            country: "IE".parse().expect("a country"),
        },
    }
}

fn captured(saga: SagaId) -> Vec<PublishedEvent> {
    vec![published(&PaymentCaptured { order_id: OrderId(saga.0), amount: money(3_000) })]
}

fn delivered(saga: SagaId) -> Vec<PublishedEvent> {
    let order_id = OrderId(saga.0);
    let delivered_at = "2026-01-01T00:00:00Z".parse().expect("a time");
    let committed = StockCommitted { order_id, lines: Vec::new() };
    let shipment_id = ShipmentId(saga.0);
    vec![
        published(&committed),
        published(&ShipmentDelivered { order_id, shipment_id, delivered_at }),
    ]
}

/// The goods are short, which makes orders abort.
fn short(saga: SagaId) -> Vec<PublishedEvent> {
    vec![published(&StockReservationFailed {
        order_id: OrderId(saga.0),
        reason: ReservationFailure::OutOfStock,
        sku: "mug".parse().expect("a SKU"),
        wanted: 2,
        on_hand: 1,
    })]
}

/// The order of a checkout is placed.
fn placed() -> Vec<PublishedEvent> {
    vec![published(&checkout(2))]
}

fn money(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "EUR".parse().expect("a currency") }
}
