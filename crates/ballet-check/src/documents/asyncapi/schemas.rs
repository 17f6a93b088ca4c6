//! The schemas of bodies, moved into the document's components.

use std::collections::BTreeMap;

use ballet_core::EventType;
use serde_json::{Map, Value};

/// The address of a schema's own definitions.
const OWN: &str = "#/$defs/";

/// The schemas of a document, by name.
#[derive(Debug, Default)]
pub(super) struct ComponentSchemas(BTreeMap<String, Value>);

impl ComponentSchemas {
    /// Adds the body of an event and the types in it. A type whose name is taken by another shape gets the event's
    /// name as a prefix.
    pub(super) fn add(&mut self, event: EventType, schema: &Value) {
        let own = schema["$defs"].as_object().cloned().unwrap_or_default();
        let mut names: BTreeMap<String, String> =
            own.keys().map(|name| (name.clone(), component(name))).collect();
        // A type changes its shape, too, if it refers to a renamed one.
        while let Some(taken) = own.iter().find_map(|(name, schema)| {
            let known = self.0.get(names.get(name)?)?;
            (*known != with_component_references(schema, &names)).then_some(name)
        }) {
            let longer = format!("{}.{}", event.name(), component(taken));
            if names.insert(taken.clone(), longer.clone()) == Some(longer) {
                break;
            }
        }
        for (name, schema) in &own {
            if let Some(new) = names.get(name) {
                self.0.insert(new.clone(), with_component_references(schema, &names));
            }
        }
        let mut body = with_component_references(schema, &names);
        if let Value::Object(body) = &mut body {
            for key in ["$defs", "$schema", "examples"] {
                body.remove(key);
            }
        }
        self.0.insert(event.name().to_owned(), body);
    }

    pub(super) fn has(&self, event: EventType) -> bool {
        self.0.contains_key(event.name())
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect::<Map<_, _>>())
    }
}

/// Replaces the characters that a component's name may not have.
fn component(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    name.chars().map(allowed).collect()
}

/// Returns the schema with references to the document's components.
fn with_component_references(schema: &Value, names: &BTreeMap<String, String>) -> Value {
    match schema {
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| {
                let target = value.as_str().and_then(|path| path.strip_prefix(OWN));
                let name = target.filter(|_| key == "$ref").and_then(|target| names.get(target));
                let value = match name {
                    Some(name) => Value::from(format!("#/components/schemas/{name}")),
                    None => with_component_references(value, names),
                };
                (key.clone(), value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|one| with_component_references(one, names)).collect())
        }
        scalar => scalar.clone(),
    }
}
