//! Tests of the drawing, on a small choreography.

use ballet_core::{Part, SagaPart, StepPart, System};
use serde_json::json;

use super::*;

const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
const RESERVED: EventType = EventType::in_saga("inventory.stock_reserved.v1");
const RELEASED: EventType = EventType::in_saga("inventory.stock_released.v1");
const AUTHORIZED: EventType = EventType::in_saga("payments.payment_authorized.v1");
const DECLINED: EventType = EventType::in_saga("payments.payment_declined.v1");
const COMPLETED: EventType = EventType::in_saga("orders.order_completed.v1");
const CANCELLED: EventType = EventType::in_saga("orders.order_cancelled.v1");

fn step(name: &'static str, kind: StepKind, on: &[EventType], done: EventType) -> StepPart {
    StepPart::new(name, kind, on.to_vec(), done)
}

fn graph() -> Graph {
    let part = |service, steps| Part {
        service,
        sagas: vec![SagaPart { abort: Some(CANCELLED), ..SagaPart::new("order", "orders", steps) }],
        ..Part::default()
    };
    let place = step("place", StepKind::Origin, &[], PLACED);
    let complete = step("complete", StepKind::Decision, &[AUTHORIZED], COMPLETED);
    let reserve = step("reserve", StepKind::Compensatable, &[PLACED], RESERVED);
    let reserve = StepPart { compensated: Some(RELEASED), ..reserve };
    let authorize = step("authorize", StepKind::Pivot, &[RESERVED], AUTHORIZED);
    let authorize = StepPart { refused: Some(DECLINED), ..authorize };
    Graph::new(System {
        name: "shop",
        parts: vec![
            part("orders", vec![place, complete]),
            part("inventory", vec![reserve]),
            part("payments", vec![authorize]),
        ],
    })
}

fn drawn(types: &[EventType]) -> String {
    // The tests may run in a terminal.
    console::set_colors_enabled(false);
    let body = json!({ "reason": "no", "failed_step": "authorize_payment" });
    let happened = |(number, event): (i64, &EventType)| LaneEvent {
        millis: 1_000 + 10 * number,
        publisher: event.service(),
        event_type: event.name(),
        body: &body,
    };
    let events: Vec<_> = (0..).zip(types).map(happened).collect();
    draw(&graph(), &events)
}

#[test]
fn refusals_and_compensations_stand_out() {
    let expected = "     ms  orders  inventory  payments
      0  ●       ·          ·         orders.order_placed
     10  ·       ●          ·         inventory.stock_reserved
     20  ·       ·          ✗         payments.payment_declined  refused: no
     30  ■       ·          ·         orders.order_cancelled  aborted: no in authorize_payment
     40  ·       ↩          ·         inventory.stock_released  compensated
";
    assert_eq!(drawn(&[PLACED, RESERVED, DECLINED, CANCELLED, RELEASED]), expected);
    let completed = drawn(&[PLACED, RESERVED, AUTHORIZED, COMPLETED]);
    let last = "     30  ✓       ·          ·         orders.order_completed  the saga has ended\n";
    assert!(completed.ends_with(last), "{completed}");
}
