//! Keys that are right, and those that nearly are.

use serde_json::json;

use super::*;

fn said(keys: &Value) -> Vec<String> {
    let text = json!({ "type": "string" });
    let contract = json!({
        "contract": 1, "service": "orders", "publishes": ["orders.order_placed.v1"],
        "events": [{
            "name": "orders.order_placed.v1", "role": "plain", "keys": keys,
            "schema": {
                "anyOf": [{ "required": ["order_id"] }, { "properties": { "guest": text } }],
                "properties": {
                    "code": { "type": "string", "anyOf": [{ "minLength": 3 }, { "const": "x" }] },
                    "order_id": { "$ref": "#/$defs/OrderId" },
                    "cart_id": { "anyOf": [{ "$ref": "#/$defs/OrderId" }, { "type": "null" }] },
                    "number": { "type": ["integer", "null"] },
                    "channel": { "oneOf": [{ "const": "web" }, { "const": "shop" }] },
                    "urgent": { "type": "boolean" },
                    "anything": true,
                    "total": { "type": "object", "properties": { "account": text } },
                    "lines": { "type": "array", "items": { "$ref": "#/$defs/Line" } },
                    "tags": { "type": "array", "items": text },
                },
                "$defs": {
                    "OrderId": { "type": "string", "format": "uuid" },
                    "Line": { "properties": { "sku": text, "next": { "$ref": "#/$defs/Line" } } },
                },
            },
        }],
    });
    let contract: ServiceContract = serde_json::from_value(contract).expect("a contract");
    problems(&contract).iter().map(ToString::to_string).collect()
}

fn of(name: &str, field: &str) -> Vec<String> {
    said(&json!([{ "name": name, "field": field }]))
}

#[test]
fn a_key_is_text_or_a_number_wherever_it_is() {
    for field in [
        "code",
        "guest",
        "order_id",
        "cart_id",
        "number",
        "channel",
        "total.account",
        "lines[].sku",
        "tags[]",
        "lines[].next.sku",
    ] {
        assert_eq!(of("order", field), [""; 0], "{field}");
    }
    let several = json!([
        { "name": "order", "field": "order_id", "made_here": true },
        { "name": "order", "field": "cart_id" },
        { "name": "product", "field": "lines[].sku" },
    ]);
    assert_eq!(said(&several), [""; 0]);
}

#[test]
fn a_field_that_is_no_key_is_named_with_what_to_write() {
    for (field, expected) in [
        (
            "orderid",
            "there is no such field: it has the fields anything, cart_id, channel, code, guest",
        ),
        ("total.acount", "there is no such field: total has the fields account"),
        ("order_id.value", "there is no such field: order_id has no fields"),
        ("", "there is no such field"),
        ("lines.sku", "lines is a list: write lines[] for what is in it"),
        ("tags", "tags is a list: write tags[] for what is in it"),
        ("order_id[]", "order_id is no list: write it without []"),
        ("total", "a key is text or a number: orders.order_placed.v1 declares total"),
        ("lines[]", "a key is text or a number"),
        ("urgent", "a key is text or a number"),
        ("anything", "a key is text or a number"),
    ] {
        let said = of("order", field);
        assert!(said.len() == 1 && said[0].contains(expected), "{field}: {said:?}");
    }
}

#[test]
fn a_keys_name_is_lower_case_with_underscores() {
    assert_eq!(of("order_2", "order_id"), [""; 0]);
    for name in ["Order", "order-id", "order id", "2nd", "", "a.b", "order=x"] {
        let said = of(name, "order_id");
        let rule = "B019 a key's name is lower case with underscores";
        assert!(said.len() == 1 && said[0].starts_with(rule), "{name}: {said:?}");
    }
}

#[test]
fn a_field_is_one_key() {
    let twice =
        json!([{ "name": "order", "field": "order_id" }, { "name": "sale", "field": "order_id" }]);
    let said = said(&twice);
    assert!(said.len() == 1 && said[0].starts_with("B020 a field is one key"), "{said:?}");
}

#[test]
fn keys_of_anothers_event_are_refused() {
    let contract = json!({
        "contract": 1, "service": "loyalty",
        "subscriptions": [{ "name": "points", "on": "orders.order_placed.v1" }],
        "events": [{
            "name": "orders.order_placed.v1", "role": "plain",
            "keys": [{ "name": "order", "field": "order_id" }],
            "schema": { "properties": { "order_id": { "type": "string" } } },
        }],
    });
    let contract: ServiceContract = serde_json::from_value(contract).expect("a contract");
    let said: Vec<String> = problems(&contract).iter().map(ToString::to_string).collect();
    let expected = "B018 an event's keys are declared by the service that it is named after: loyalty \
                    declares order_id of orders.order_placed.v1 as the key order: declare it in the \
                    contract of orders";
    assert_eq!(said, [expected]);
}
