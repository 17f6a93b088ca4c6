//! The faults of bodies that do not fit.

use std::collections::BTreeMap;

use ballet_core::json;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Size {
    /// For one.
    Small,
    /// For two.
    Large,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only decoded")]
struct Line {
    sku: String,
    quantity: u32,
    size: Option<Size>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only decoded")]
struct Order {
    customer: uuid::Uuid,
    lines: Vec<Line>,
    gift: Option<bool>,
    total: i64,
    rate: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
struct Note {
    author: Option<String>,
    lines: BTreeMap<u8, String>,
    text: (i64, String),
}

#[test]
fn a_field_that_is_not_known_and_a_tuple_are_refused_as_a_service_refuses_them() {
    let schema = schema_for!(Note).to_value();
    let note = json!({ "lines": { "7": "x" }, "text": [1, "hello"] });
    assert_eq!(faults(&schema, &note), [""; 0]);
    let decoded: Result<Note, _> = json::from_slice(note.to_string().as_bytes());
    decoded.expect("it fits");
    for (field, value, told) in [
        ("author", json!(1), "author: a string is wanted, but there is a whole number"),
        ("colour", json!(1), "colour: it is not known, only `author`, `lines`, `text`"),
        ("colour", json!(null), "colour: it is not known, only `author`, `lines`, `text`"),
        ("text", json!([1]), "text: an array of 2 elements is wanted, but its length is 1"),
        (
            "text",
            json!(["1", "hello"]),
            "text[0]: a whole number from -9223372036854775808 to 9223372036854775807 is wanted, \
             but there is a string",
        ),
        ("text", json!([1, 2]), "text[1]: a string is wanted, but there is a whole number"),
        (
            "text",
            json!([1, "hello", 2]),
            "text: an array of 2 elements is wanted, but its length is 3",
        ),
        ("lines", json!({ "seven": "x" }), "lines.seven: it is not known"),
    ] {
        let mut note = note.clone();
        note[field] = value;
        let decoded: Result<Note, _> = json::from_slice(note.to_string().as_bytes());
        decoded.expect_err(field);
        assert_eq!(faults(&schema, &note), [told], "{note}");
    }
}

#[test]
fn what_does_not_fit_is_refused_as_a_service_refuses_it() {
    let schema = schema_for!(Order).to_value();
    let line = json!({ "sku": "mug", "quantity": 1, "size": "small" });
    let order = json!({ "customer": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [line, line], "gift": null, "total": -7, "rate": 1 });
    assert_eq!(faults(&schema, &order), [""; 0]);
    let decoded: Result<Order, _> = json::from_slice(order.to_string().as_bytes());
    decoded.expect("it fits");
    let quantity = "lines[1].quantity: a whole number from 0 to 4294967295 is wanted, but there is";
    let wrong = [
        ("/lines/1/quantity", Some(json!("two")), &*format!("{quantity} a string")),
        ("/lines/1/quantity", Some(json!(-1)), &format!("{quantity} another one")),
        ("/lines/1/quantity", Some(json!(1.5)), &format!("{quantity} a number")),
        ("/lines/1/quantity", Some(json!(4_294_967_296_u64)), &format!("{quantity} another one")),
        ("/lines/0/size", Some(json!("tiny")), "lines[0].size: it is none of `small` or `large`"),
        ("/lines/0/sku", Some(json!(null)), "lines[0].sku: a string is wanted, but there is null"),
        ("/lines/0/sku", None, "lines[0].sku: it is missing"),
        ("/lines/0", Some(json!([1, 2])), "lines[0]: an object is wanted, but there is an array"),
        ("/lines", Some(json!({})), "lines: an array is wanted, but there is an object"),
        (
            "/customer",
            Some(json!("me")),
            "customer: a UUID is wanted, such as 0193f7a0-0000-7000-8000-00000000c001",
        ),
        (
            "/customer",
            Some(json!(7)),
            "customer: a formatted UUID string is wanted, but there is a whole number",
        ),
        ("/gift", Some(json!("yes")), "gift: true or false is wanted, but there is a string"),
        (
            "/total",
            Some(json!({})),
            "total: a whole number from -9223372036854775808 to 9223372036854775807 is wanted, \
             but there is an object",
        ),
        ("/rate", Some(json!("1")), "rate: a number is wanted, but there is a string"),
        ("", Some(json!([])), "an object is wanted, but there is an array"),
        ("", Some(json!(7)), "an object is wanted, but there is a whole number"),
    ];
    for (at, value, told) in wrong {
        let mut order = order.clone();
        match value {
            Some(value) => *order.pointer_mut(at).expect("a place") = value,
            None => {
                let (parent, name) = at.rsplit_once('/').expect("a field");
                let parent = order.pointer_mut(parent).expect("a place");
                parent.as_object_mut().expect("an object").remove(name);
            }
        }
        let decoded: Result<Order, _> = json::from_slice(order.to_string().as_bytes());
        decoded.expect_err(at);
        assert_eq!(faults(&schema, &order), [told], "{at}");
    }
}

#[test]
fn what_only_a_schema_says_is_checked_too_and_all_of_it_is_said() {
    let schema = json!({
        "type": "object", "required": ["lines", "at"],
        "properties": {
            "lines": { "type": "array", "minItems": 1, "maxItems": 2,
                "items": { "$ref": "#/$defs/Quantity" } },
            "at": { "type": "string", "format": "date-time" },
            "country": { "type": "string", "pattern": "^[A-Z]{2}$" },
            "name": { "type": "string", "minLength": 1, "maxLength": 3 },
            "none": false,
            "count": { "type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3 },
            "share": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
            "pair": { "prefixItems": [{ "type": "null" }], "items": { "type": "string" } },
            "tree": { "$ref": "#/$defs/Tree" },
        },
        "$defs": {
            "Quantity": { "type": "integer", "minimum": 1, "maximum": 10 },
            "Tree": { "anyOf": [{ "$ref": "#/$defs/Tree" }, { "type": "null" }] },
        },
    });
    let body = json!({ "lines": [0, 3, 11], "at": "now", "country": "de", "name": "", "tree": null,
            "none": 1, "count": 3, "share": 0, "pair": [null, 1] });
    // Fields are in the body's order only if serde_json is built with that feature.
    let mut told = faults(&schema, &body);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "at: a time as in RFC 3339, such as \"2026-01-31T12:00:00Z\", is wanted, but there \
             is a string",
            "count: a whole number from 1 to 2 is wanted, but there is another one",
            "country: a string that matches `^[A-Z]{2}$` is wanted, but there is another one",
            "lines: an array of 1 to 2 elements is wanted, but its length is 3",
            "lines[0]: a whole number from 1 to 10 is wanted, but there is another one",
            "lines[2]: a whole number from 1 to 10 is wanted, but there is another one",
            "name: a string of 1 to 3 characters is wanted, but it has 0",
            "none: no value is wanted here, but there is a whole number",
            "pair[1]: a string is wanted, but there is a whole number",
            "share: a number above 0 is wanted",
        ]
    );
    assert_eq!(faults(&schema, &json!({})), ["lines: it is missing", "at: it is missing"]);
}
