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
fn a_deadline_without_time_for_a_retry_of_each_step_is_noted() {
    let within = |seconds, reserve| {
        let mut parts = with_deadline(1);
        let after = SignedDuration::from_secs(seconds);
        let deadline = parts[0].sagas[0].deadline;
        parts[0].sagas[0].deadline = deadline.map(|it| DeadlinePart { after, ..it });
        parts[1].sagas[0].steps[0].retried_for = reserve;
        noted(parts, &[])
    };
    let notes = within(14, None);
    assert_eq!(ids(&notes), ["B066"]);
    let said = "the first retries of inventory.reserve, payments.capture, orders.confirm take 15s";
    assert!(notes[0].detail.starts_with(said), "{}", notes[0]);
    assert_eq!(within(15, None), []);
    assert_eq!(within(14, Some(SignedDuration::ZERO)), []);
}

#[test]
fn a_compensation_with_the_key_of_what_another_service_removes_is_noted() {
    let undone_with = |paid: Value, maker: EventType, hears: bool| {
        let made = json!([{ "name": "hold", "field": "hold_id", "made_here": true }]);
        let contracts =
            [contract(maker, &made, &json!(true)), contract(PAID, &json!([paid]), &json!(true))];
        let mut parts = with_deadline(1);
        let release = SubscriptionPart { name: "forget_hold", on: RELEASED };
        parts[2].subscriptions.extend(hears.then_some(release));
        noted(parts, &contracts)
    };
    let key = |name| json!({ "name": name, "field": "id" });
    let notes = undone_with(key("hold"), RESERVED, true);
    assert_eq!(ids(&notes), ["B068"]);
    assert_eq!((&*notes[0].service, &*notes[0].of), ("payments", "capture"));
    assert_eq!(undone_with(key("order"), RESERVED, true), []);
    // Nothing undoes what the beginning makes.
    assert_eq!(undone_with(key("hold"), PLACED, true), []);
    // The id is in its own event, and nothing of the service goes with what it names.
    assert_eq!(undone_with(key("hold"), RESERVED, false), []);
    // It makes holds of its own.
    let own = json!({ "name": "hold", "field": "id", "made_here": true });
    assert_eq!(undone_with(own, RESERVED, true), []);
}

#[test]
fn money_in_floating_point_is_noted() {
    let with = |field: &str, value: Value| {
        let schema = json!({ "properties": { field: value }, "required": [field] });
        ids(&noted(with_deadline(1), &[contract(PAID, &json!([]), &schema)]))
    };
    let number = || json!({ "type": ["number", "null"], "format": "double" });
    for field in
        ["amount", "total", "unit_price", "order_total", "fees", "price_per_hour", "share_price"]
    {
        assert_eq!(with(field, number()), ["B070"], "{field}");
    }
    assert_eq!(with("line", json!({ "items": { "properties": { "price": number() } } })), ["B070"]);
    for field in
        ["total_distance", "latitude", "feeling", "fee_percent", "price_index", "amount_kg"]
    {
        assert_eq!(with(field, number()), [""; 0], "{field}");
    }
    for whole in [json!({ "type": "integer" }), json!({ "type": "number", "multipleOf": 1 })] {
        assert_eq!(with("amount", whole), [""; 0]);
    }
}
