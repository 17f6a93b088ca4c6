//! Formatted bodies, with masked personal values.

use ballet_core::personal::PERSONAL;
use ballet_ops::words::grouped;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::role::{BodySight, Role};
use crate::contract_index::ContractIndex;
use crate::store::entry_row::EntryRow;

pub(crate) const MASK: &str = "•••";

/// Returns the text of a body, as far as this person may see it. `whole` is false if only its beginning is there.
pub(crate) fn text(
    contract_index: &ContractIndex,
    event: &str,
    body: &[u8],
    whole: bool,
    sight: BodySight,
) -> Result<String, &'static str> {
    let schema = contract_index.events.get(event).map(|listed| &listed.schema);
    let parsed = whole.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    match (schema, parsed) {
        (Some(schema), Some(mut value)) => {
            if !sight.is_unmasked {
                mask(&mut value, &[schema], &schema["$defs"]);
            }
            Ok(serde_json::to_string_pretty(&value).unwrap_or_default())
        }
        // Nothing is personal, or the person may see bodies that cannot be masked.
        (Some(schema), None) if !has_personal(schema) => Ok(lossy(body)),
        (Some(_), None) | (None, _) if sight.role == Role::Operator => Ok(lossy(body)),
        (Some(_), None) | (None, _) => {
            Err("It cannot be told what in it is about a person: an operator may see it.")
        }
    }
}

pub(crate) fn of_row(contract_index: &ContractIndex, row: &EntryRow, sight: BodySight) -> Markup {
    let size = usize::try_from(row.size).unwrap_or_default();
    shown(contract_index, &row.event_type, (&row.body, size), sight)
}

pub(crate) fn shown(
    contract_index: &ContractIndex,
    event: &str,
    (body, size): (&[u8], usize),
    sight: BodySight,
) -> Markup {
    let is_whole = body.len() >= size;
    html! {
        @match text(contract_index, event, body, is_whole, sight) {
            _ if size == 0 => { p.quiet { "It has no body." } }
            Ok(text) => { pre.body tabindex="0" dir="auto" { (text) } }
            Err(why) => { p.quiet { (why) } }
        }
        @if !is_whole {
            p.quiet { "The first " (grouped(body.len())) " of "
                (grouped(size)) " bytes." }
        }
    }
}

/// Symbols replace characters that a page cannot carry.
fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "\u{2400}")
}

pub(crate) fn has_personal(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            fields.get(PERSONAL).is_some_and(|is| is == true) || fields.values().any(has_personal)
        }
        Value::Array(all) => all.iter().any(has_personal),
        _ => false,
    }
}

/// Declared personal by one of these schemas.
fn mask(value: &mut Value, schemas: &[&Value], definitions: &Value) {
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
                mask(field, &below, definitions);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                let below: Vec<_> = all
                    .iter()
                    .map(|schema| schema["prefixItems"].get(at).unwrap_or(&schema["items"]))
                    .collect();
                mask(item, &below, definitions);
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

/// A pattern may apply to any name.
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
        mask(&mut value, &[&schema], &schema["$defs"]);
        assert_eq!(
            value,
            json!({
                "name": MASK, "address": { "street": MASK, "country": "NL" }, "guests": [{ "mail": MASK }],
                "total": 7, "undeclared": 8,
            })
        );
        assert!(has_personal(&schema));
        assert!(!has_personal(&json!({ "properties": { "total": { "x-personal": false } } })));
        assert_eq!(lossy(b"a\0b\xff"), "a\u{2400}b\u{fffd}");
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
            mask(&mut value, &[&schema], &schema["$defs"]);
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
