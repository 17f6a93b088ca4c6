//! Schemas for the tools of others, which know the keywords and formats of standards alone.

use serde_json::{Map, Value};

/// Below these are names, and no keywords.
const NAMES: [&str; 7] = [
    "$defs",
    "dependentSchemas",
    "headers",
    "patternProperties",
    "properties",
    "responses",
    "schemas",
];
/// Below these are values, and no schemas.
const VALUES: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// The formats that validators and generators know: those of JSON Schema, and of OpenAPI.
const FORMATS: [&str; 22] = [
    "binary",
    "byte",
    "date",
    "date-time",
    "double",
    "duration",
    "email",
    "float",
    "hostname",
    "int32",
    "int64",
    "ipv4",
    "ipv6",
    "json-pointer",
    "password",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// Rewrites a JSON schema, or each one in an OpenAPI document. A number of another width becomes one of
/// the next known width with its limits, other formats that are not of a standard go, and what keywords
/// of our own say, such as `x-personal`, is in `$comment`.
pub fn make_portable(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(make_portable),
        Value::Object(fields) => {
            widen(fields);
            tell_keywords(fields);
            for (name, below) in fields.iter_mut() {
                match below {
                    Value::Object(named) if NAMES.contains(&name.as_str()) => {
                        named.values_mut().for_each(make_portable);
                    }
                    _ if VALUES.contains(&name.as_str()) => {}
                    _ => make_portable(below),
                }
            }
        }
        _ => {}
    }
}

fn widen(fields: &mut Map<String, Value>) {
    let Some(format) = fields.get("format").and_then(Value::as_str) else { return };
    // No tool knows whole numbers above those of 64 bits with a sign.
    let (wider, least, most): (&str, i64, i64) = match format {
        "int8" => ("int32", i8::MIN.into(), i8::MAX.into()),
        "int16" => ("int32", i16::MIN.into(), i16::MAX.into()),
        "int" => ("int64", i64::MIN, i64::MAX),
        "uint8" => ("int32", 0, u8::MAX.into()),
        "uint16" => ("int32", 0, u16::MAX.into()),
        "uint32" => ("int64", 0, u32::MAX.into()),
        "uint64" | "uint" => ("int64", 0, i64::MAX),
        known if FORMATS.contains(&known) => return,
        _ => {
            fields.remove("format");
            return;
        }
    };
    fields.insert("format".to_owned(), wider.into());
    fields.entry("minimum").or_insert(least.into());
    fields.entry("maximum").or_insert(most.into());
}

fn tell_keywords(fields: &mut Map<String, Value>) {
    let mut ours: Vec<String> =
        fields.keys().filter(|name| name.starts_with("x-")).cloned().collect();
    // The order of a map depends on how serde_json was built.
    ours.sort_unstable();
    let told: Vec<String> = ours
        .into_iter()
        .filter_map(|name| match fields.remove(&name)? {
            Value::String(text) => Some(format!("{name}: {text}")),
            other => Some(format!("{name}: {other}")),
        })
        .collect();
    if told.is_empty() {
        return;
    }
    let before = fields.get("$comment").and_then(Value::as_str).map(str::to_owned);
    let comment: Vec<String> = before.into_iter().chain(told).collect();
    fields.insert("$comment".to_owned(), comment.join("; ").into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_of_a_standard_is_said_in_its_words() {
        for (given, expected) in [
            (
                json!({ "format": "uint16", "maximum": 9 }),
                json!({ "format": "int32", "minimum": 0, "maximum": 9 }),
            ),
            (
                json!({ "format": "uint64" }),
                json!({ "format": "int64", "minimum": 0, "maximum": i64::MAX }),
            ),
            (json!({ "format": "int64" }), json!({ "format": "int64" })),
            (json!({ "format": "partial-time" }), json!({})),
            (
                json!({ "x-personal-reason": "why", "x-personal": true, "$comment": "c" }),
                json!({ "$comment": "c; x-personal: true; x-personal-reason: why" }),
            ),
            (
                json!({ "allOf": [{ "x-a": 1 }], "properties": { "x-personal": { "format": "int8" } } }),
                json!({ "allOf": [{ "$comment": "x-a: 1" }], "properties": {
                    "x-personal": { "format": "int32", "minimum": -128, "maximum": 127 } } }),
            ),
            (
                json!({ "default": { "x-a": 1 }, "responses": { "default": { "x-a": 1 } } }),
                json!({ "default": { "x-a": 1 }, "responses": { "default": { "$comment": "x-a: 1" } } }),
            ),
        ] {
            let mut schema = given;
            make_portable(&mut schema);
            assert_eq!(schema, expected);
        }
    }
}
