//! What loyalty promises, in whatever language it is written.

use ballet::EventType;
use ballet::core::Part;
use ballet::core::part::{SagaPart, StepKind, StepPart};
use ballet_testkit::participant::Contract;
use serde_json::json;

/// The part of the service in Python, declared by hand. Its queue, its bindings and its rights
/// follow from it.
pub(crate) fn in_python() -> Part {
    Part {
        service: "loyalty",
        sagas: vec![SagaPart {
            saga: "order_fulfillment",
            owner: "orders",
            abort: Some(EventType::in_saga("orders.order_cancelled.v1")),
            aborts_on: vec![],
            deadline: None,
            steps: vec![StepPart {
                name: "grant_points",
                kind: StepKind::Compensatable,
                on: vec![EventType::in_saga("orders.order_placed.v1")],
                done: EventType::in_saga("loyalty.points_granted.v1"),
                refused: None,
                compensated: Some(EventType::in_saga("loyalty.points_taken_back.v1")),
                compensated_by: vec![],
                calls_outside: false,
            }],
        }],
        ..Part::default()
    }
}

/// An order of 25 euros for a customer of its own, and its points.
pub(crate) fn contract(part: Part) -> Contract {
    Contract {
        part,
        step: "grant_points",
        trigger: |saga| {
            json!({
                "order_id": saga, "customer_id": saga, "card_token": "card_approved",
                "lines": [{ "sku": "tea-1", "quantity": 2,
                    "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
                "total": { "amount_minor": 2500, "currency": "EUR" },
                "ship_to": { "name": "A", "street": "B 1", "postal_code": "1", "city": "C",
                    "country": "DE" },
                "placed_at": "2026-11-21T12:00:00Z",
            })
        },
        done: |saga| json!({ "customer_id": saga, "points": 25 }),
        abort: |saga| json!({ "order_id": saga, "reason": "customer_cancelled" }),
        compensated: |saga| json!({ "customer_id": saga, "points": 25 }),
        reference: "",
        effect: "select points from account where customer_id = $1",
        effect_when_done: 25,
    }
}
