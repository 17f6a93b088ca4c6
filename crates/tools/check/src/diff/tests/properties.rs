//! Properties of contracts of any shape.

use ballet_core::Incoming;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::takes::{Doubt, mismatches};
use crate::validate::Validator;

/// A schema of any shape that derived types can have.
fn any_schema() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(true)),
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "string", "format": "uuid" })),
        Just(json!({ "type": ["string", "null"], "maxLength": 200 })),
        Just(json!({ "type": "string", "pattern": "^[A-Z]{3}$" })),
        Just(json!({ "type": "boolean" })),
        (0_u32..9)
            .prop_map(|least| json!({ "type": "integer", "minimum": least, "format": "uint32" })),
        Just(json!({ "type": "number", "exclusiveMinimum": 0 })),
        Just(json!({ "enum": ["a", "b", null] })),
        Just(
            json!({ "oneOf": [{ "const": "x", "type": "string" }, { "const": "y", "type": "string" }] })
        ),
        Just(json!({ "$ref": "#/$defs/Tree" })),
        Just(json!({ "anyOf": [{ "$ref": "#/$defs/Tree" }, { "type": "null" }] })),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        let fields = prop::collection::btree_map("[a-d]", (inner.clone(), any::<bool>()), 0..4);
        prop_oneof![
            fields.prop_map(|fields| {
                let required = fields.iter().filter(|(_, (_, always))| *always);
                let required: Vec<_> = required.map(|(name, _)| name.clone()).collect();
                let all = fields.into_iter().map(|(name, (schema, _))| (name, schema));
                let all: serde_json::Map<_, _> = all.collect();
                json!({ "type": "object", "required": required, "properties": all })
            }),
            (inner.clone(), 0_u32..5).prop_map(|(items, most)| {
                json!({ "type": "array", "items": items, "maxItems": most })
            }),
            inner
                .clone()
                .prop_map(|values| json!({ "type": "object", "additionalProperties": values })),
            prop::collection::vec(inner, 1..3).prop_map(|several| json!({ "anyOf": several })),
        ]
    })
}

/// One service writes one schema, and another reads the other.
fn written_and_read(writes: &Value, reads: &Value) -> [Value; 2] {
    let whole = |schema: &Value| {
        json!({
            "type": "object", "required": ["a"], "properties": { "a": schema },
            "$defs": { "Tree": { "type": "object", "required": ["name"], "properties": {
                "name": { "type": "string" },
                "below": { "type": "array", "items": { "$ref": "#/$defs/Tree" } },
                "beside": { "$ref": "#/$defs/Tree" },
            } } },
        })
    };
    let name = "writer.something_written.v1";
    let events = |schema| json!([{ "name": name, "role": "plain", "schema": whole(schema) }]);
    let writer = json!({ "contract": 1, "service": "writer", "publishes": [name], "events": events(writes) });
    let reader = json!({ "contract": 1, "service": "reader",
        "subscriptions": [{ "name": "read", "on": name }], "events": events(reads) });
    [writer, reader]
}

/// The dice decide where the schema leaves a choice.
fn body_of(schema: &Value, dice: &mut u64) -> Value {
    let mut roll = |sides: usize| {
        *dice =
            dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*dice >> 33).unwrap_or_default() % sides
    };
    if schema["$ref"].is_string() {
        return [json!({ "name": "n" }), json!({ "name": "n", "below": [{ "name": "m" }] })]
            [roll(2)]
        .clone();
    }
    for keyword in ["enum", "anyOf", "oneOf"] {
        if let Some(list) = schema[keyword].as_array() {
            let one = &list[roll(list.len())];
            return if keyword == "enum" { one.clone() } else { body_of(one, dice) };
        }
    }
    if let Some(one) = schema.get("const") {
        return one.clone();
    }
    let named = match &schema["type"] {
        Value::Array(several) => several[roll(several.len())].as_str().unwrap_or_default(),
        one => one.as_str().unwrap_or_default(),
    };
    match named {
        "string" => {
            let long = "x".repeat(201);
            let id = "0193f7a0-0000-7000-8000-00000000c001";
            json!(["", "x", "a", "ABC", id, &long][roll(6)])
        }
        "boolean" => json!(roll(2) == 0),
        "integer" => json!([-1_i64, 0, 3, 8, 9, 4_294_967_295, 4_294_967_296][roll(7)]),
        "number" => json!([-1.5, 0.0, 0.5, 7.0][roll(4)]),
        "null" => Value::Null,
        "array" => {
            let items = (0..roll(5)).collect::<Vec<_>>();
            items.into_iter().map(|_| body_of(&schema["items"], dice)).collect()
        }
        "object" => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let mut fields = serde_json::Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                *dice = dice.rotate_left(7).wrapping_add(1);
                if required.contains(&json!(name)) || dice.is_multiple_of(2) {
                    fields.insert(name.clone(), body_of(field, dice));
                }
            }
            if !matches!(schema["additionalProperties"], Value::Null | Value::Bool(false)) {
                fields.insert("b".to_owned(), body_of(&schema["additionalProperties"], dice));
            }
            Value::Object(fields)
        }
        _ => [Value::Null, json!(1), json!("x"), json!({}), json!([])][roll(5)].clone(),
    }
}

fn fits(system: &[Value; 2], body: &Value) -> bool {
    let validator = Validator::new(&contracts(system));
    let (text, now) = (json!({ "a": body }).to_string(), Timestamp::UNIX_EPOCH);
    let name = Some("writer.something_written.v1");
    let message = Incoming { event_type: name, body: text.as_bytes(), ..Incoming::default() };
    validator.judge(&message, now).faults.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn equal_contracts_do_not_differ(writes in any_schema(), reads in any_schema()) {
        let system = written_and_read(&writes, &reads);
        let found = changes(&contracts(&system), &contracts(&system));
        prop_assert_eq!(found, Vec::new());
    }

    #[test]
    fn a_new_optional_field_breaks_nobody(
        writes in any_schema(), reads in any_schema(), field in any_schema(), service in 0_usize..2,
    ) {
        let before = written_and_read(&writes, &reads);
        let mut after = before.clone();
        after[service]["events"][0]["schema"]["properties"]["fresh"] = field;
        let found = changes(&contracts(&before), &contracts(&after));
        prop_assert_eq!(found, Vec::new());
    }

    /// A shared schema may widen at the reader, and narrow at the writer.
    #[test]
    fn a_reader_may_take_more_and_a_writer_write_less(schema in any_schema()) {
        let before = written_and_read(&schema, &schema);
        let wider = written_and_read(&schema, &json!(true));
        let found = changes(&contracts(&before), &contracts(&wider));
        prop_assert_eq!(found, Vec::new());
        let mut narrower = before.clone();
        let part = narrower[0]["events"][0]["schema"]["properties"]["a"].take();
        narrower[0]["events"][0]["schema"]["properties"]["a"] =
            json!({ "allOf": [part], "description": "The same." });
        let found = changes(&contracts(&before), &contracts(&narrower));
        prop_assert_eq!(found, Vec::new());
    }

    /// The comparison of schemas agrees with single bodies: without a breaking change the reader accepts each body that
    /// the writer may write.
    #[test]
    fn a_body_that_a_writer_may_write_fits_a_reader_that_takes_all(
        writes in any_schema(), other in any_schema(), way in 0_usize..3, dice: [u64; 8],
    ) {
        let reads = match way {
            0 => other,
            1 => json!({ "anyOf": [other, writes] }),
            _ => json!({ "anyOf": [other, { "type": ["string", "integer", "object", "null"] }] }),
        };
        let [writer, reader] = written_and_read(&writes, &reads);
        let schema = |service: &Value| service["events"][0]["schema"].clone();
        if mismatches(&schema(&reader), &schema(&writer), Doubt::Against).is_empty() {
            let (alone, both) = (written_and_read(&writes, &writes), [writer, reader]);
            for mut dice in dice {
                let body = body_of(&writes, &mut dice);
                if fits(&alone, &body) {
                    prop_assert!(fits(&both, &body), "{body} of {writes} does not fit {reads}");
                }
            }
        }
    }
}
