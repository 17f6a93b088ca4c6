//! Values about persons in bodies, as their schemas declare them.

use ballet_core::personal::PERSONAL;
use serde_json::Value;

/// The text in place of a personal value.
pub const MASK: &str = "•••";

/// Whether a schema declares anything personal.
#[must_use]
pub fn has_personal(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            fields.get(PERSONAL).is_some_and(|is| is == true) || fields.values().any(has_personal)
        }
        Value::Array(all) => all.iter().any(has_personal),
        _ => false,
    }
}

/// Masks the values of a body that its schema declares personal, also in a CloudEvent around it.
pub fn mask(value: &mut Value, schema: &Value) {
    let is_cloud_event = value.get("specversion").is_some();
    if is_cloud_event && schema["properties"]["specversion"].is_null() && has_personal(schema) {
        if let Some(data) = value.get_mut("data").filter(|data| !data.is_string()) {
            mask_below(data, &[schema], &schema["$defs"]);
        }
        // Which part of a text is personal cannot be told.
        for field in ["data", "data_base64"] {
            if let Some(text) = value.get_mut(field).filter(|text| text.is_string()) {
                *text = MASK.into();
            }
        }
    }
    mask_below(value, &[schema], &schema["$defs"]);
}

/// Masks the values that one of these schemas declares personal.
fn mask_below(value: &mut Value, schemas: &[&Value], definitions: &Value) {
    let all = applied(schemas, definitions);
    if value.is_null() || all.is_empty() {
        return;
    }
    if all.iter().any(|schema| schema[PERSONAL] == true) {
        *value = MASK.into();
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let below: Vec<_> = all.iter().flat_map(|schema| of_field(schema, name)).collect();
                mask_below(field, &below, definitions);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                let below: Vec<_> = all
                    .iter()
                    .map(|schema| schema["prefixItems"].get(at).unwrap_or(&schema["items"]))
                    .collect();
                mask_below(item, &below, definitions);
            }
        }
        _ => {}
    }
}

/// Returns these schemas, and all that they refer to or choose from, each once: schemas may contain themselves.
fn applied<'a>(schemas: &[&'a Value], definitions: &'a Value) -> Vec<&'a Value> {
    let mut all: Vec<&Value> = Vec::new();
    let mut open = schemas.to_vec();
    while let Some(schema) = open.pop() {
        if !schema.is_object() || all.iter().any(|known| std::ptr::eq(*known, schema)) {
            continue;
        }
        all.push(schema);
        let named = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
        open.extend(named.map(|name| &definitions[name]));
        let choices = ["anyOf", "oneOf", "allOf"].map(|choice| schema[choice].as_array());
        open.extend(choices.into_iter().flatten().flatten());
    }
    all
}

/// Returns the schemas of a field. A pattern may apply to any name.
fn of_field<'a>(schema: &'a Value, name: &str) -> Vec<&'a Value> {
    match schema["properties"].get(name) {
        Some(declared) => vec![declared],
        None => {
            let patterns = schema["patternProperties"].as_object().into_iter();
            let patterns = patterns.flat_map(|patterns| patterns.values());
            patterns.chain([&schema["additionalProperties"]]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_about_a_person_is_masked_wherever_it_is() {
        let schema = json!({
            "properties": {
                "name": { "type": "string", "x-personal": true },
                "address": { "anyOf": [{ "$ref": "#/$defs/Address" }, { "type": "null" }] },
                "guests": { "items": { "properties": { "mail": { "x-personal": true } } } },
                "total": { "type": "integer" },
            },
            "$defs": { "Address": { "properties": { "street": { "x-personal": true }, "country": {} } } },
        });
        let mut value = json!({
            "name": "Ada", "address": { "street": "S", "country": "NL" }, "guests": [{ "mail": "m" }],
            "total": 7, "undeclared": 8,
        });
        mask(&mut value, &schema);
        assert_eq!(
            value,
            json!({
                "name": MASK, "address": { "street": MASK, "country": "NL" }, "guests": [{ "mail": MASK }],
                "total": 7, "undeclared": 8,
            })
        );
        assert!(has_personal(&schema));
        assert!(!has_personal(&json!({ "properties": { "total": { "x-personal": false } } })));
    }

    #[test]
    fn what_is_personal_is_masked_in_a_cloud_event() {
        let schema = json!({ "properties": { "name": { "x-personal": true }, "total": {} } });
        for (field, data, masked) in [
            ("data", json!({ "name": "Ada", "total": 7 }), json!({ "name": MASK, "total": 7 })),
            ("data", json!("{\"name\":\"Ada\"}"), json!(MASK)),
            ("data_base64", json!("eyJuYW1lIjoiQWRhIn0="), json!(MASK)),
        ] {
            let mut value = json!({ "specversion": "1.0", "type": "a.b.v1", field: data });
            mask(&mut value, &schema);
            assert_eq!(value, json!({ "specversion": "1.0", "type": "a.b.v1", field: masked }));
        }
    }

    #[test]
    fn what_is_personal_is_masked_in_tuples_in_maps_and_at_any_depth() {
        let schema = json!({
            "properties": {
                "pair": { "prefixItems": [{}, { "x-personal": true }], "items": { "x-personal": true } },
                "by_number": {
                    "additionalProperties": false,
                    "patternProperties": { "^\\d+$": { "properties": { "mail": { "x-personal": true } } } },
                },
                "comment": { "$ref": "#/$defs/Comment" },
            },
            "$defs": { "Comment": { "properties": {
                "author": { "x-personal": true },
                // Following each path to them would double the work.
                "answer": { "anyOf": [{ "$ref": "#/$defs/Comment" }, { "allOf": [{ "$ref": "#/$defs/Comment" }] }] },
            } } },
        });
        let masked = |mut value: Value| {
            mask(&mut value, &schema);
            value.to_string()
        };
        let shown = masked(
            json!({ "pair": ["open", "Ada", "Eve"], "by_number": { "7": { "mail": "Bob" } } }),
        );
        assert!(shown.contains("open"), "{shown}");
        for personal in ["Ada", "Eve", "Bob"] {
            assert!(!shown.contains(personal), "{shown}");
        }
        let mut comment = json!({ "author": "Ada" });
        for _ in 0..60 {
            comment = json!({ "author": "Ada", "answer": comment });
        }
        let shown = masked(json!({ "comment": comment }));
        assert!(!shown.contains("Ada"), "{shown}");
    }
}
