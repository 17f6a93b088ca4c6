//! A system's events as data: publishers, consumers, and fields.

use std::collections::BTreeMap;

use ballet_core::{EventType, Graph, Key, SagaPart};
use serde_json::Value;

use crate::contracts::Contracts;
use crate::contracts::roles::{consumers, publishers};
use crate::contracts::schema::SchemaShape;

/// For types that contain themselves.
const DEEPEST: usize = 6;

/// An event of a system.
#[derive(Debug)]
pub struct ListedEvent {
    /// The type.
    pub event: EventType,
    /// The meaning. Empty if no contract describes it.
    pub meaning: String,
    /// The services and the foreign producers that publish it.
    pub publishers: Vec<&'static str>,
    /// The consuming services, with purposes such as `in step reserve_stock`.
    pub consumers: Vec<(&'static str, String)>,
    /// The sagas to which it belongs.
    pub sagas: Vec<&'static str>,
    /// The business keys.
    pub keys: Vec<Key>,
    /// The JSON schema of the body, from the publisher or else from a consumer.
    pub schema: Value,
}

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

/// Returns the events of a system, by name.
#[must_use]
pub fn events(contracts: &Contracts) -> Vec<ListedEvent> {
    let graph = Graph::new(contracts.system().clone());
    let keys = contracts.keys();
    let schemas = contracts.schemas();
    let listed = |event: EventType| {
        let found = schemas.iter().find(|(known, _)| *known == event);
        // As in the publisher's own contract.
        let event = found.map_or(event, |(known, _)| *known);
        let schema = found.map_or(Value::Bool(true), |(_, schema)| schema.as_value().clone());
        let meaning = schema["description"].as_str().unwrap_or_default();
        let sagas = graph.sagas().into_iter().filter(|saga| is_of(&graph, saga, event));
        let consumers = consumers(&graph, event).into_iter();
        ListedEvent {
            event,
            meaning: on_one_line(meaning),
            publishers: publishers(graph.system(), event),
            consumers: consumers
                .map(|one| (one.service, one.purpose.words().replace('`', "")))
                .collect(),
            sagas: sagas.collect(),
            keys: keys.iter().filter(|(of, _)| *of == event).map(|(_, key)| *key).collect(),
            schema,
        }
    };
    graph.system().known_types().into_iter().map(listed).collect()
}

fn is_of(graph: &Graph, saga: &str, event: EventType) -> bool {
    let names = |part: &SagaPart| {
        let of_step = part.steps.iter().any(|step| {
            let outcomes = [Some(step.done), step.refused, step.compensated];
            outcomes.contains(&Some(event))
                || step.on.contains(&event)
                || step.compensated_by.contains(&event)
        });
        of_step
            || part.abort == Some(event)
            || part.aborts_on.contains(&event)
            || part.deadline.is_some_and(|deadline| deadline.passed == event)
    };
    let parts = graph.system().parts.iter().flat_map(|part| &part.sagas);
    parts.filter(|part| part.saga == saga).any(names)
}

/// Returns the fields of a body, including those of nested objects.
#[must_use]
pub fn fields(schema: &Value) -> Vec<ListedField> {
    let definitions = schema["$defs"].as_object().into_iter().flatten();
    let definitions = definitions.map(|(name, shape)| (name.clone(), shape.clone())).collect();
    let mut found = Vec::new();
    add(schema, &definitions, "", 0, &mut found);
    found
}

fn add(
    schema: &Value,
    definitions: &BTreeMap<String, Value>,
    prefix: &str,
    depth: usize,
    found: &mut Vec<ListedField>,
) {
    if depth == DEEPEST {
        return;
    }
    for field in SchemaShape::read(schema, definitions).fields {
        let path = format!("{prefix}{}", field.name);
        let below = resolved(&schema["properties"][&field.name], definitions);
        let is_list = below["items"].is_object();
        found.push(ListedField {
            kind: field.plain_kind(),
            required: field.required,
            meaning: on_one_line(&field.meaning),
            path: path.clone(),
        });
        let (inner, dots) =
            if is_list { (resolved(&below["items"], definitions), "[].") } else { (below, ".") };
        add(inner, definitions, &format!("{path}{dots}"), depth + 1, found);
    }
}

/// A reference, or a choice between one and null.
fn resolved<'a>(schema: &'a Value, definitions: &'a BTreeMap<String, Value>) -> &'a Value {
    let real =
        schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null"));
    let schema = real.unwrap_or(schema);
    let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    name.and_then(|name| definitions.get(name)).unwrap_or(schema)
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_of_inner_objects_are_listed_with_their_place() {
        let schema = json!({
            "required": ["total"],
            "properties": {
                "total": { "$ref": "#/$defs/Money" },
                "lines": { "type": "array", "items": {
                    "properties": { "sku": { "type": "string", "description": "The\nproduct." } } } },
                "next": { "anyOf": [{ "$ref": "#/$defs/Money" }, { "type": "null" }] },
            },
            "$defs": { "Money": { "properties": { "minor": { "type": "integer" } }, "required": ["minor"] } },
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
            ]
        );
        assert_eq!(found[3].meaning, "The product.");
    }

    #[test]
    fn a_type_that_contains_itself_ends() {
        let tree = json!({ "properties": { "below": { "$ref": "#/$defs/Tree" } } });
        let schema = json!({ "$ref": "#/$defs/Tree", "properties": { "below": { "$ref": "#/$defs/Tree" } },
            "$defs": { "Tree": tree } });
        assert_eq!(fields(&schema).len(), DEEPEST);
    }
}
