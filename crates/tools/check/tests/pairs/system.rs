//! A system in few words: `orders/sale/place` is a step, `orders/sale` a part in a saga, `orders@EVENT` an event of a
//! contract.

use std::collections::BTreeSet;

use ballet_check::Contracts;
use ballet_core::{Part, Problem, ServiceContract, contract};
use serde_json::{Map, Value, json};

/// What rules find in a system after a change, errors and notes.
pub(crate) fn found(system: &Value, change: &Value) -> Vec<Problem> {
    let mut services = json!({});
    for words in [system, change] {
        for (path, value) in fields(words) {
            merge(&mut services, &nested(path, value));
        }
    }
    let contracts: Vec<ServiceContract> =
        fields(&services).map(|(service, declared)| written(service, declared)).collect();
    let parts: Vec<Part> = contracts.iter().map(|one| one.part().expect("a part")).collect();
    let contracts = Contracts::of(contract::system("shop", parts), contracts);
    [contracts.problems(), contracts.notes()].concat()
}

/// Two changes as one.
pub(crate) fn and(mut change: Value, more: &Value) -> Value {
    fields(more).for_each(|(path, value)| change[path.as_str()] = value.clone());
    change
}

/// A value that is null removes.
fn merge(into: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let Some(fields) = into.as_object_mut() else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

fn nested(path: &str, value: &Value) -> Value {
    if let Some((service, event)) = path.split_once('@') {
        return json!({ service: { "events": { event: value } } });
    }
    match path.split('/').collect::<Vec<_>>()[..] {
        [service, saga] => json!({ service: { "sagas": { saga: value } } }),
        [service, saga, step] => {
            json!({ service: { "sagas": { saga: { "steps": { step: value } } } } })
        }
        _ => json!({ path: value }),
    }
}

/// The contract of a service, with every event and telemetry that it names.
fn written(service: &str, declared: &Value) -> ServiceContract {
    let sagas = fields(&declared["sagas"]).map(|(saga, part)| {
        let steps = fields(&part["steps"]).map(|(name, step)| with(&json!({ "name": name }), step));
        let steps: Vec<Value> = steps.collect();
        let mut part = with(&json!({ "saga": saga }), part);
        part["steps"] = json!(steps);
        part
    });
    let sagas: Vec<Value> = sagas.collect();
    let mut contract = with(&json!({ "contract": 1, "service": service }), declared);
    let mut events = BTreeSet::new();
    let keys = ["sagas", "subscriptions", "publishes", "shares", "copies"];
    keys.iter().for_each(|key| collect(&declared[*key], &mut events));
    let event = |name: &str| {
        with(&json!({ "name": name, "role": "in_saga", "schema": true }), &declared["events"][name])
    };
    contract["events"] = events.into_iter().map(event).collect();
    let mut telemetry = BTreeSet::new();
    ["publishes_telemetry", "reads_telemetry"]
        .iter()
        .for_each(|key| collect(&declared[*key], &mut telemetry));
    let one = |name: &str| {
        let entry = json!({ "name": name, "partitions": 1, "kept_days": 1, "kept_bytes": 1_000_000, "schema": true });
        with(&entry, &declared["telemetry"][name])
    };
    contract["telemetry"] = telemetry.into_iter().map(one).collect();
    contract["sagas"] = json!(sagas);
    serde_json::from_value(contract).expect("a contract")
}

fn with(value: &Value, more: &Value) -> Value {
    let mut whole = value.clone();
    if !more.is_null() {
        merge(&mut whole, more);
    }
    whole
}

/// The names of the form `orders.order_placed.v1`.
fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => found.extend((text.split('.').count() == 3).then_some(&**text)),
        Value::Array(all) => all.iter().for_each(|one| collect(one, found)),
        Value::Object(all) => all.values().for_each(|one| collect(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
