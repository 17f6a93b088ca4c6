//! The catalog: all events of a system with their JSON shapes.

use std::collections::BTreeMap;

use ballet_core::{EventType, Key, System, TelemetryType};
use schemars::Schema;
use serde_json::Value;

use crate::contracts::schema::SchemaShape;

/// The events of a system, in the order of the documents.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) events: Vec<(EventType, SchemaShape)>,
    /// The shared types of the events' fields, by name.
    pub(crate) values: BTreeMap<String, SchemaShape>,
    keys: Vec<(EventType, Key)>,
    pub(crate) telemetry: Vec<(TelemetryType, SchemaShape)>,
}

/// The reason why events and declarations do not make a catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// A service uses an event that has no entry.
    #[error("{0} is used in the system but has no entry in the catalog of events: add it")]
    NoEntry(EventType),
    /// An event is listed twice.
    #[error("{0} is in the catalog of events twice: remove one entry")]
    Twice(EventType),
    /// Two types share a name.
    #[error("two types named {0} have different shapes: rename one, or set `#[schemars(rename)]`")]
    TwoShapes(String),
}

impl Catalog {
    /// Reads the shapes and checks that no event of the system is missing.
    ///
    /// # Errors
    ///
    /// The first mismatch.
    pub fn new(
        system: &System,
        entries: impl IntoIterator<Item = (EventType, Schema)>,
    ) -> Result<Self, CatalogError> {
        let mut events: Vec<(EventType, SchemaShape)> = Vec::new();
        let mut definitions: BTreeMap<String, Value> = BTreeMap::new();
        let mut schemas = Vec::new();
        for (event, schema) in entries {
            if schemas.iter().any(|(known, _)| *known == event) {
                return Err(CatalogError::Twice(event));
            }
            let schema = schema.to_value();
            for (name, shape) in schema["$defs"].as_object().into_iter().flatten() {
                if definitions.get(name).is_some_and(|known| known != shape) {
                    return Err(CatalogError::TwoShapes(name.clone()));
                }
                definitions.insert(name.clone(), shape.clone());
            }
            schemas.push((event, schema));
        }
        for (event, schema) in &schemas {
            events.push((*event, SchemaShape::read(schema, &definitions)));
        }
        if let Some(missing) =
            system.known_types().into_iter().find(|used| schemas.iter().all(|(e, _)| e != used))
        {
            return Err(CatalogError::NoEntry(missing));
        }
        let values = definitions
            .iter()
            .map(|(name, schema)| (name.clone(), SchemaShape::read(schema, &definitions)))
            .filter(|(_, shape)| !shape.is_scalar())
            .collect();
        Ok(Self { events, values, keys: Vec::new(), telemetry: Vec::new() })
    }

    /// Adds telemetry, with the shared types of its fields. Existing entries stay.
    #[must_use]
    pub fn with_telemetry(
        mut self,
        entries: impl IntoIterator<Item = (TelemetryType, Schema)>,
    ) -> Self {
        for (telemetry, schema) in entries {
            if self.telemetry.iter().any(|(known, _)| known.name() == telemetry.name()) {
                continue;
            }
            let schema = schema.to_value();
            let definitions: BTreeMap<String, Value> =
                schema["$defs"].as_object().cloned().unwrap_or_default().into_iter().collect();
            for (name, value) in &definitions {
                let shape = SchemaShape::read(value, &definitions);
                if !shape.is_scalar() && !self.values.contains_key(name) {
                    self.values.insert(name.clone(), shape);
                }
            }
            self.telemetry.push((telemetry, SchemaShape::read(&schema, &definitions)));
        }
        self
    }

    /// Adds the business keys of events.
    #[must_use]
    pub fn with_keys(mut self, keys: impl IntoIterator<Item = (EventType, Key)>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Returns the business keys of an event.
    pub(crate) fn keys(&self, event: EventType) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |(of, _)| *of == event).map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use schemars::json_schema;

    use super::*;

    const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
    const EXTRA: EventType = EventType::plain("orders.extra.v1");

    fn system() -> System {
        let part =
            ballet_core::Part { service: "orders", publishes: vec![PLACED], ..Default::default() };
        System { name: "shop", parts: vec![part] }
    }

    fn entry(event: EventType, line: &str) -> (EventType, Schema) {
        let line = json_schema!({ "type": line });
        (event, json_schema!({ "type": "object", "$defs": { "Line": line } }))
    }

    #[test]
    fn what_is_used_must_be_listed_once_and_under_one_shape() {
        let read = |entries: &[(EventType, Schema)]| Catalog::new(&system(), entries.to_vec());
        assert!(read(&[entry(PLACED, "object"), entry(EXTRA, "object")]).is_ok());
        assert_eq!(read(&[]).unwrap_err(), CatalogError::NoEntry(PLACED));
        let twice = [entry(PLACED, "object"), entry(PLACED, "object")];
        assert_eq!(read(&twice).unwrap_err(), CatalogError::Twice(PLACED));
        let differing = [entry(PLACED, "object"), entry(EXTRA, "string")];
        assert_eq!(read(&differing).unwrap_err(), CatalogError::TwoShapes("Line".to_owned()));
    }
}
