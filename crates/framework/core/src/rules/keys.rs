//! The rules for business keys: which field they are in.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contract::ServiceContract;
use crate::events::event::EventType;
use crate::events::key::{EACH, Key};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

/// Types may contain themselves.
const DEEPEST: usize = 6;

/// The rules for the keys of one contract. One that cannot be read has none.
pub(super) fn problems(contract: &ServiceContract) -> Vec<Problem> {
    let (service, mut problems) = (contract.service(), Vec::new());
    let schemas = contract.schemas().unwrap_or_default();
    let own = contract.keys().unwrap_or_default().into_iter();
    for (event, key) in own.filter(|(event, _)| event.service() == service) {
        let schema = schemas.iter().find(|(known, _)| *known == event);
        problems.extend(schema.and_then(|(_, schema)| unfit(event, key, schema.as_value())));
    }
    problems
}

fn unfit(event: EventType, key: Key, whole: &Value) -> Option<Problem> {
    let mut found = choices(whole, whole, 0);
    let declared = format!("{event} declares {} as the key {}", key.field(), key.name());
    let mut path = Vec::new();
    for part in key.field().split('.') {
        let name = part.strip_suffix(EACH).unwrap_or(part);
        let below: Vec<&Value> =
            found.iter().filter_map(|schema| schema["properties"].get(name)).collect();
        if below.is_empty() {
            let names: BTreeSet<&str> = found
                .iter()
                .filter_map(|s| s["properties"].as_object())
                .flatten()
                .map(|(name, _)| &**name)
                .collect();
            let there = match (names.is_empty(), path.is_empty()) {
                (true, true) => "the schema of its body names no fields".to_owned(),
                (true, false) => format!("{} has no fields", path.join(".")),
                (false, true) => format!("it has the fields {}", listed(&names)),
                (false, false) => format!("{} has the fields {}", path.join("."), listed(&names)),
            };
            return Some(Problem {
                rule: &catalogue::KEY_FIELD,
                service: event.service().to_owned(),
                of: event.name().to_owned(),
                detail: format!("{declared}, and there is no such field: {there}"),
            });
        }
        path.push(part);
        found = below.into_iter().flat_map(|schema| choices(schema, whole, 0)).collect();
        let is_list = found.iter().any(|schema| schema["items"].is_object());
        if is_list != part.ends_with(EACH) {
            let advice = if is_list {
                format!("a list: write {}{EACH} for what is in it", path.join("."))
            } else {
                format!("no list: write it without {EACH}")
            };
            return Some(Problem {
                rule: &catalogue::KEY_FIELD,
                service: event.service().to_owned(),
                of: event.name().to_owned(),
                detail: format!("{declared}, and {name} is {advice}"),
            });
        }
        if is_list {
            let items = found.iter().map(|schema| &schema["items"]);
            found = items.flat_map(|schema| choices(schema, whole, 0)).collect();
        }
    }
    let is_key = !found.is_empty() && found.iter().all(|schema| is_text_or_number(schema));
    (!is_key).then(|| Problem {
        rule: &catalogue::KEY_TYPE,
        service: event.service().to_owned(),
        of: event.name().to_owned(),
        detail: format!("{declared}, and the field may hold something else: choose another field"),
    })
}

fn listed(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The schemas that a value may match: those behind references and choices, without null.
fn choices<'a>(schema: &'a Value, whole: &'a Value, depth: usize) -> Vec<&'a Value> {
    if depth == DEEPEST || schema["type"] == "null" {
        return Vec::new();
    }
    let reference = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    if let Some(other) = reference.and_then(|path| whole.pointer(path)) {
        return choices(other, whole, depth + 1);
    }
    let words = ["anyOf", "oneOf", "allOf"].into_iter();
    let below = words.filter_map(|word| schema[word].as_array()).flatten();
    let mut found: Vec<&Value> = below.flat_map(|one| choices(one, whole, depth + 1)).collect();
    // If the schema has a type of its own, the choices only limit it or add fields.
    if ["type", "properties", "const", "enum"].iter().any(|word| schema.get(word).is_some()) {
        found.retain(|one| one["properties"].is_object());
        found.push(schema);
    } else if found.is_empty() {
        found.push(schema);
    }
    found
}

fn is_text_or_number(schema: &Value) -> bool {
    let is =
        |value: &Value| matches!(value.as_str(), Some("string" | "integer" | "number" | "null"));
    match (&schema["type"], &schema["const"], &schema["enum"]) {
        (Value::Array(types), ..) => types.iter().all(is),
        (Value::String(_), ..) => is(&schema["type"]),
        (_, constant, _) if !constant.is_null() => constant.is_string() || constant.is_number(),
        (.., Value::Array(all)) => all.iter().all(|one| one.is_string() || one.is_number()),
        _ => false,
    }
}
