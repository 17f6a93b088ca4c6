//! The contract of loyalty, whatever language it is written in.

use ballet::core::{Part, ServiceContract};
use ballet_testkit::participant::Contract;
use serde_json::json;

const CONTRACT: &str = include_str!("../../../python-loyalty/loyalty.json");

/// The part of the service in Python, from the contract that was written by hand. Its queue, its
/// bindings and its rights follow from it.
pub(crate) fn in_python() -> Part {
    let contract: ServiceContract = serde_json::from_str(CONTRACT).expect("a contract");
    contract.part().expect("a part")
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
