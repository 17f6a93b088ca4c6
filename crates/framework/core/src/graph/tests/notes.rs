//! The notes, each with a near miss.

use serde_json::{Value, json};

use super::*;
use crate::contract::ServiceContract;

fn noted(parts: Vec<Part>, contracts: &[ServiceContract]) -> Vec<Problem> {
    rules::notes(&System { name: "shop", parts }, contracts)
}

fn ids(notes: &[Problem]) -> Vec<&'static str> {
    notes.iter().map(|note| note.rule.id).collect()
}

/// The contract of a service with one event.
fn contract(event: EventType, keys: &Value, schema: &Value) -> ServiceContract {
    let event = json!({ "name": event.name(), "role": "in_saga", "keys": keys, "schema": schema });
    let service = event["name"].as_str().and_then(|name| name.split('.').next());
    let contract = json!({ "contract": 1, "service": service, "events": [event] });
    serde_json::from_value(contract).expect("a contract")
}

#[test]
fn a_saga_that_can_be_aborted_and_has_no_deadline_is_noted() {
    assert_eq!(ids(&noted(sound(), &[])), ["B067"]);
    assert_eq!(noted(with_deadline(1), &[]), []);
    // Nothing is left of one that is never aborted.
    let mut parts = sound();
    for part in &mut parts {
        part.sagas[0].abort = None;
        part.sagas[0].aborts_on.clear();
    }
    assert_eq!(noted(parts, &[]), []);
}

#[test]
fn a_deadline_within_the_retries_of_the_longest_way_is_noted() {
    let within = |minutes, reserve| {
        let mut parts = with_deadline(1);
        let after = SignedDuration::from_mins(minutes);
        let deadline = parts[0].sagas[0].deadline;
        parts[0].sagas[0].deadline = deadline.map(|it| DeadlinePart { after, ..it });
        parts[1].sagas[0].steps[0].retried_for = reserve;
        noted(parts, &[])
    };
    let notes = within(15, None);
    assert_eq!(ids(&notes), ["B066"]);
    let said = "the retries of inventory.reserve, payments.capture, orders.confirm take 16m 45s";
    assert!(notes[0].detail.starts_with(said), "{}", notes[0]);
    assert_eq!(within(17, None), []);
    assert_eq!(within(15, Some(SignedDuration::from_secs(5))), []);
}

#[test]
fn a_compensation_with_the_key_of_what_another_service_removes_is_noted() {
    let undone_with = |paid: &str, maker: EventType| {
        let made = json!([{ "name": "hold", "field": "hold_id", "made_here": true }]);
        let used = json!([{ "name": paid, "field": "id" }]);
        let contracts = [contract(maker, &made, &json!(true)), contract(PAID, &used, &json!(true))];
        noted(with_deadline(1), &contracts)
    };
    let notes = undone_with("hold", RESERVED);
    assert_eq!(ids(&notes), ["B068"]);
    assert_eq!((&*notes[0].service, &*notes[0].of), ("payments", "capture"));
    assert_eq!(undone_with("order", RESERVED), []);
    // Nothing undoes what the beginning makes.
    assert_eq!(undone_with("hold", PLACED), []);
}

#[test]
fn money_in_floating_point_is_noted() {
    let with = |field: &str, value: Value| {
        let schema = json!({ "properties": { field: value }, "required": [field] });
        ids(&noted(with_deadline(1), &[contract(PAID, &json!([]), &schema)]))
    };
    let number = || json!({ "type": ["number", "null"], "format": "double" });
    for field in ["amount", "total", "unit_price", "order_total", "fees"] {
        assert_eq!(with(field, number()), ["B070"], "{field}");
    }
    assert_eq!(with("line", json!({ "items": { "properties": { "price": number() } } })), ["B070"]);
    for field in ["total_distance", "latitude", "feeling"] {
        assert_eq!(with(field, number()), [""; 0], "{field}");
    }
    assert_eq!(with("amount", json!({ "type": "integer" })), [""; 0]);
}
