//! Bodies of events from files of `ballet record`.

use std::collections::BTreeMap;
use std::path::Path;

use ballet::core::Part;
use ballet::core::topology::EVENTS;
use ballet_ops::stream::{Recording, RecordingError};
use serde_json::Value;

use crate::matrix::values::SAGA;

/// The maximum number of records that are read of a file.
const MOST: usize = 100_000;

/// Returns a body of each event that the service takes and that was recorded, with a placeholder for the saga's id. Most are of one
/// saga, so that they fit each other.
pub(super) fn recorded<'a>(
    files: impl Iterator<Item = &'a Path>,
    part: &Part,
) -> Result<BTreeMap<String, Value>, RecordingError> {
    let consumes = part.consumes();
    let mut sagas: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for file in files {
        for record in Recording::open(file)?.take(MOST) {
            let record = record?;
            let event = record.event_type();
            let is_ours = consumes.iter().any(|one| one.name() == event);
            let Ok(body) = serde_json::from_slice(&record.body) else { continue };
            if is_ours && record.exchange == EVENTS {
                let saga = record.properties.correlation_id().as_ref();
                let saga = saga.map_or_else(String::new, ToString::to_string);
                let body = if saga.is_empty() { body } else { of_any_saga(body, &saga) };
                sagas.entry(saga).or_default().entry(event.to_owned()).or_insert(body);
            }
        }
    }
    let mut sagas: Vec<_> = sagas.into_values().collect();
    sagas.sort_by_key(BTreeMap::len);
    // The saga with the most events replaces those of others.
    Ok(sagas.into_iter().flatten().collect())
}

fn of_any_saga(body: Value, saga: &str) -> Value {
    match body {
        Value::String(text) if text == saga => SAGA.into(),
        Value::Array(all) => all.into_iter().map(|one| of_any_saga(one, saga)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, one)| (name, of_any_saga(one, saga)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}
