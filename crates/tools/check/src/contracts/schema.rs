//! The fields of JSON schemas, for people.

use serde_json::Value;

/// For types that contain themselves.
const DEEPEST: usize = 6;

/// A field of an event.
#[derive(Debug, PartialEq, Eq)]
pub struct ListedField {
    /// The path in the body, such as `total.currency` or `lines[].sku`.
    pub path: String,
    /// The type in words.
    pub kind: String,
    /// Whether the field is present whenever its parent is.
    pub required: bool,
    /// The meaning. Empty if the schema does not describe it.
    pub meaning: String,
}

/// Returns the fields of a body, including those of nested objects.
#[must_use]
pub fn fields(schema: &Value) -> Vec<ListedField> {
    let mut found = Vec::new();
    add(schema, &schema["$defs"], "", 0, &mut found);
    found
}

fn add(
    schema: &Value,
    definitions: &Value,
    prefix: &str,
    depth: usize,
    found: &mut Vec<ListedField>,
) {
    if depth == DEEPEST {
        return;
    }
    let (schema, _) = resolved(schema, definitions);
    let required = schema["required"].as_array().into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    let place = |name: &str| required.iter().position(|known| *known == name);
    let mut named: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    // The required ones first, as declared. The order of a map depends on how serde_json was built.
    named.sort_by_key(|(name, _)| (place(name).unwrap_or(usize::MAX), *name));
    for (name, field) in named {
        let path = format!("{prefix}{name}");
        let (below, _) = resolved(field, definitions);
        let (inner, dots) =
            if below["items"].is_object() { (&below["items"], "[].") } else { (below, ".") };
        found.push(ListedField {
            kind: kind(field, definitions),
            required: place(name).is_some(),
            meaning: on_one_line(field["description"].as_str().unwrap_or_default()),
            path: path.clone(),
        });
        add(inner, definitions, &format!("{path}{dots}"), depth + 1, found);
    }
}

/// What a reference stands for, with its name, also if the reference is a choice between that and null.
fn resolved<'a>(schema: &'a Value, definitions: &'a Value) -> (&'a Value, Option<&'a str>) {
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    let mut real = choices.filter(|one| one["type"] != "null");
    let schema = match (real.next(), real.next()) {
        (Some(one), None) => one,
        _ => schema,
    };
    let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    (name.map_or(schema, |name| &definitions[name]), name)
}

fn kind(schema: &Value, definitions: &Value) -> String {
    let (schema, name) = resolved(schema, definitions);
    if let Some(name) = name.filter(|_| schema.is_null() || schema["properties"].is_object()) {
        return name.to_owned();
    }
    if let Some(values) = values(schema) {
        return format!("one of {}", values.join(", "));
    }
    let named = match &schema["type"] {
        Value::Array(types) => types.iter().find_map(|t| t.as_str().filter(|t| *t != "null")),
        one => one.as_str(),
    };
    match (named.unwrap_or_default(), schema["format"].as_str()) {
        ("string", Some("uuid")) => "UUID".to_owned(),
        ("string", Some("date-time")) => "time, RFC 3339".to_owned(),
        ("string", _) => match schema["pattern"].as_str() {
            Some(pattern) => format!("text like {pattern}"),
            None => "text".to_owned(),
        },
        ("integer", _) if schema["minimum"].as_i64() == Some(0) => {
            "whole number, not below 0".to_owned()
        }
        ("integer", _) => "whole number".to_owned(),
        ("number", _) => "number".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        ("array", _) => format!("list of {}", kind(&schema["items"], definitions)),
        ("object", _) => "object".to_owned(),
        _ => "any JSON".to_owned(),
    }
}

/// The only texts that a schema allows.
fn values(schema: &Value) -> Option<Vec<&str>> {
    let described = schema["oneOf"].as_array();
    let described = described.map(|all| all.iter().map(|one| &one["const"]).collect::<Vec<_>>());
    let plain = || schema["enum"].as_array().map(|all| all.iter().collect());
    described.or_else(plain)?.into_iter().map(Value::as_str).collect()
}

pub(crate) fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_of_inner_objects_are_listed_with_their_place() {
        let why = json!({ "oneOf": [{ "const": "gone", "type": "string" }, { "const": "late", "type": "string" }] });
        let schema = json!({
            "required": ["total"],
            "properties": {
                "total": { "$ref": "#/$defs/Money" },
                "lines": { "type": "array", "items": {
                    "properties": { "sku": { "type": "string", "description": "The\nproduct." } } } },
                "next": { "anyOf": [{ "$ref": "#/$defs/Money" }, { "type": "null" }] },
                "why": { "anyOf": [{ "$ref": "#/$defs/Why" }, { "type": "null" }] },
            },
            "$defs": {
                "Money": { "properties": { "minor": { "type": "integer" } }, "required": ["minor"] },
                "Why": why,
            },
        });
        let found = fields(&schema);
        let places: Vec<(&str, &str, bool)> =
            found.iter().map(|one| (one.path.as_str(), one.kind.as_str(), one.required)).collect();
        assert_eq!(
            places,
            [
                ("total", "Money", true),
                ("total.minor", "whole number", true),
                ("lines", "list of any JSON", false),
                ("lines[].sku", "text", false),
                ("next", "Money", false),
                ("next.minor", "whole number", true),
                ("why", "one of gone, late", false),
            ]
        );
        assert_eq!(found[3].meaning, "The product.");
    }

    #[test]
    fn a_type_that_contains_itself_ends() {
        let tree = json!({ "properties": { "below": { "$ref": "#/$defs/Tree" } } });
        let schema = json!({ "$ref": "#/$defs/Tree", "$defs": { "Tree": tree } });
        assert_eq!(fields(&schema).len(), DEEPEST);
    }
}
