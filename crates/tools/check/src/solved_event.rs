//! The event of a step that a person has compensated by hand.

use ballet_core::EventType;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::contracts::Contracts;
use crate::validate::Validator;

/// Returns the given body, or one of the fields that the step's outcome shares, which fits the contracts.
///
/// # Errors
///
/// Why the body does not fit, in a sentence.
pub fn body(
    contracts: &Contracts,
    kind: EventType,
    given: Option<&str>,
    outcome: &str,
    now: Timestamp,
) -> Result<String, String> {
    let body = match given {
        Some(given) => given.trim().to_owned(),
        None => body_from_outcome(contracts, kind, outcome),
    };
    let faults = Validator::new(contracts).body_faults(kind, &body, now);
    if faults.is_empty() {
        return Ok(body);
    }
    let faults = faults.join("; ");
    Err(match given {
        Some(_) => faults,
        None => format!(
            "the body of {kind} cannot be made of the step's outcome: {faults}. Give it; its fields: {}",
            contracts.fields(kind).join(", ")
        ),
    })
}

fn body_from_outcome(contracts: &Contracts, kind: EventType, outcome: &str) -> String {
    let outcome: Value = serde_json::from_str(outcome).unwrap_or_default();
    let schemas = contracts.contracts().iter().filter_map(|one| one.schemas().ok()).flatten();
    let mut fields = Map::new();
    for schema in schemas.filter(|(known, _)| *known == kind).map(|(_, schema)| schema.to_value()) {
        let names = schema["properties"].as_object().into_iter().flat_map(Map::keys);
        for name in names {
            if let Some(value) = outcome.get(name) {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(fields).to_string()
}
