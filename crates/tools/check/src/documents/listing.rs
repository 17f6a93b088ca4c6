//! A system's events as data: publishers, consumers, and fields.

use ballet_core::{EventType, Graph, Key, SagaPart};
use serde_json::Value;

use crate::contracts::Contracts;
use crate::contracts::roles::{consumers, publishers};
use crate::contracts::schema::on_one_line;
pub use crate::contracts::schema::{ListedField, fields};

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
        ListedEvent {
            event,
            meaning: on_one_line(meaning),
            publishers: publishers(graph.system(), event),
            consumers: consumers(&graph, event),
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
