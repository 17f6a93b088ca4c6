//! JSON Schema's keywords, grouped for the comparison.

use serde_json::{Map, Value};

/// They describe and do not limit.
const NOTES: [&str; 14] = [
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
];

const COMPARED: [&str; 25] = [
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
    "type",
    "const",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "properties",
    "patternProperties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
];

/// Understood, or limiting nothing. Any other keyword must be the same on both sides.
pub(super) fn is_known(keyword: &str) -> bool {
    COMPARED.contains(&keyword) || NOTES.contains(&keyword) || keyword.starts_with("x-")
}

pub(super) fn places(schema: &Map<String, Value>) -> usize {
    schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len)
}

pub(super) fn item(schema: &Map<String, Value>, place: usize) -> Option<&Value> {
    let own = schema.get("prefixItems").and_then(|places| places.get(place));
    own.or_else(|| schema.get("items"))
}

pub(super) fn names(schema: &Map<String, Value>) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}
