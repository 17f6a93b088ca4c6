//! Bodies that fit their readers, and bodies that do not.

use serde_json::{Value, json};

use crate::takes::{Doubt, mismatches};

fn missing(reads: &Value, writes: &Value) -> Vec<String> {
    let mut found: Vec<String> =
        mismatches(reads, writes, Doubt::InFavour).iter().map(ToString::to_string).collect();
    found.sort_unstable();
    found
}

fn order() -> Value {
    json!({
        "type": "object", "required": ["total", "lines"],
        "properties": {
            "total": { "$ref": "#/$defs/Money" },
            "note": { "type": ["string", "null"] },
            "lines": { "type": "array", "items": {
                "type": "object", "required": ["sku"],
                "properties": { "sku": { "type": "string" }, "quantity": { "type": "integer" } },
            } },
        },
        "$defs": { "Money": {
            "type": "object", "required": ["amount_minor"],
            "properties": { "amount_minor": { "type": "integer" } },
        } },
    })
}

#[test]
fn a_consumer_may_read_less_than_there_is() {
    let reads = json!({
        "type": "object", "required": ["total"],
        "properties": {
            "total": { "type": "object", "required": ["amount_minor"],
                "properties": { "amount_minor": { "type": "number" } } },
            "gift": { "type": "boolean" },
        },
    });
    assert_eq!(missing(&reads, &order()), [""; 0]);
    assert_eq!(missing(&order(), &order()), [""; 0]);
    assert_eq!(missing(&json!(true), &order()), [""; 0]);
    assert_eq!(missing(&order(), &json!({ "type": "object" })), [""; 0]);
}

#[test]
fn what_is_missing_is_named_with_its_path() {
    let reads = json!({
        "type": "object", "required": ["customer", "note", "total", "lines"],
        "properties": {
            "customer": { "type": "string" },
            "note": { "type": "string" },
            "total": { "type": "object", "required": ["currency"],
                "properties": { "amount_minor": { "type": "string" } } },
            "lines": { "type": "array", "items": {
                "type": "object", "required": ["sku", "quantity"] } },
        },
    });
    assert_eq!(
        missing(&reads, &order()),
        [
            "`lines.quantity` may be missing",
            "`note` may be missing",
            "`note` may be null",
            "`total.amount_minor` may be integer",
            "there is no `customer`",
            "there is no `total.currency`",
        ]
    );
}
