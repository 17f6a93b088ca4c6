//! The sagas of a recording that a replay can repeat, by the shop's contracts.

use std::path::Path;

use ballet_amqp::{AMQPValue, BasicProperties, FieldTable};
use ballet_core::{ServiceContract, System, contract};
use ballet_ops::stream::{Hindrance, OutsideEvents, Record, Repeatable, SagaScope};
use uuid::Uuid;

fn shop() -> System {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts/shop");
    let files = std::fs::read_dir(folder).expect("a folder");
    let parts = files.map(|file| {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        let contract: ServiceContract = serde_json::from_str(&text).expect("a contract");
        contract.part().expect("a part")
    });
    contract::system("shop", parts.collect())
}

const SAGA: Uuid = Uuid::from_u128(0x0193_f7a0_0000_7000_8000_0000_0000_0001);

/// Makes an event, which `by`, if given, publishes without a cause.
fn record(name: &str, by: Option<&str>) -> Record {
    let mut headers = FieldTable::default();
    if by.is_none() {
        headers.insert("causation_id".into(), AMQPValue::LongString(SAGA.to_string().into()));
    }
    let service = by.unwrap_or_else(|| name.split('.').next().unwrap_or_default());
    let properties = BasicProperties::default()
        .with_correlation_id(SAGA.to_string().into())
        .with_app_id(service.into())
        .with_headers(headers);
    Record {
        offset: None,
        time: None,
        exchange: "events".to_owned(),
        routing_key: name.to_owned(),
        properties,
        body: b"{}".to_vec(),
    }
}

fn judged(first: (&str, &str), more: &[&str]) -> (Option<Hindrance>, SagaScope) {
    let mut repeatable = Repeatable::by(&shop());
    repeatable.add(&record(first.0, Some(first.1)));
    more.iter().for_each(|name| repeatable.add(&record(name, None)));
    (repeatable.hindrance(SAGA), repeatable.scope(SAGA))
}

const CHECKED_OUT: (&str, &str) = ("cart.checked_out.v1", "storefront");
const WHOLE: [&str; 10] = [
    "orders.order_placed.v1",
    "inventory.stock_reserved.v1",
    "payments.payment_authorized.v1",
    "shipping.shipment_scheduled.v1",
    "payments.payment_captured.v1",
    "orders.order_confirmed.v1",
    "inventory.stock_committed.v1",
    "shipping.shipment_dispatched.v1",
    "shipping.shipment_delivered.v1",
    "orders.order_completed.v1",
];
const CANCELLED: [&str; 5] = [
    "orders.order_placed.v1",
    "inventory.stock_reserved.v1",
    "payments.payment_declined.v1",
    "orders.order_cancelled.v1",
    "inventory.stock_released.v1",
];

#[test]
fn a_saga_is_whole_when_no_service_has_anything_left_to_do() {
    let whole = (None, SagaScope::default());
    let open = (None, SagaScope { is_open: true, without: None });
    for ended in [&WHOLE[..], &CANCELLED] {
        assert_eq!(judged(CHECKED_OUT, ended), whole);
        for length in 0..ended.len() {
            assert_eq!(judged(CHECKED_OUT, &ended[..length]), open, "{length} of {ended:?}");
        }
    }
    // Both ends of a join in either order, or the last one missing.
    let mut other = WHOLE;
    other.swap(6, 8);
    assert_eq!(judged(CHECKED_OUT, &other), whole);
    assert_eq!(judged(CHECKED_OUT, &["orders.order_cancelled.v1"]), whole, "refused at once");
    // A saga of an event that no service waits for is complete.
    assert_eq!(judged(("catalog.product_withdrawn.v1", "catalog"), &[]), whole);
}

#[test]
fn what_a_request_began_is_sent_only_if_its_service_needs_no_more_of_it() {
    let request = |service| (Some(Hindrance::Request(service)), SagaScope::default());
    assert_eq!(judged(("orders.order_placed.v1", "orders"), &WHOLE), request("orders"));
    // A request in the middle, such as a customer's.
    let mut repeatable = Repeatable::by(&shop());
    repeatable.add(&record(CHECKED_OUT.0, Some(CHECKED_OUT.1)));
    repeatable.add(&record("orders.order_placed.v1", None));
    assert_eq!(repeatable.hindrance(SAGA), None);
    repeatable.add(&record("orders.order_cancelled.v1", Some("orders")));
    assert_eq!(repeatable.hindrance(SAGA), Some(Hindrance::Request("orders")));
    assert_eq!(repeatable.hindrance(Uuid::nil()), None, "another saga");
    // Cart takes no part in the saga, and does not know its own carts.
    let without = SagaScope { is_open: false, without: Some("cart") };
    assert_eq!(judged(("cart.checked_out.v1", "cart"), &WHOLE), (None, without));
}

#[test]
fn from_outside_is_what_no_service_published_in_answer_or_by_itself() {
    let outside = OutsideEvents::of(&shop());
    for (name, by, is_outside) in [
        (CHECKED_OUT.0, Some(CHECKED_OUT.1), true),
        ("catalog.product_changed.v1", Some("catalog"), true),
        ("orders.order_deadline_passed.v1", Some("orders"), false),
        ("catalog.products_republished.v1", Some("catalog"), false),
        ("cart.products_requested.v1", Some("cart"), false),
        ("orders.order_placed.v1", None, false),
    ] {
        assert_eq!(outside.is_from_outside(&record(name, by)), is_outside, "{name}");
    }
}

#[test]
fn a_deadline_that_passed_is_not_repeated() {
    let passed = ["orders.order_placed.v1", "orders.order_deadline_passed.v1"];
    assert_eq!(judged(CHECKED_OUT, &passed).0, Some(Hindrance::Deadline));
    let mut repeatable = Repeatable::by(&shop());
    repeatable.add(&record(CHECKED_OUT.0, Some(CHECKED_OUT.1)));
    // The event has no cause, and no request makes it.
    repeatable.add(&record("orders.order_deadline_passed.v1", Some("orders")));
    assert_eq!(repeatable.hindrance(SAGA), Some(Hindrance::Deadline));
}
