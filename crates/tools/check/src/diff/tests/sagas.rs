//! The rules for steps and sagas.

use serde_json::json;

use super::*;

/// The breaking changes if the compensation emits no event, before or after.
fn broken_silently(change: impl FnOnce(&mut [Value; 2])) -> Vec<Row> {
    let mut before = system();
    let step = &mut saga(&mut before, "inventory")["steps"][0];
    step.as_object_mut().expect("a step").remove("compensated");
    before[1]["events"].as_array_mut().expect("events").retain(|event| event["name"] != RELEASED);
    let mut after = before.clone();
    change(&mut after);
    rows(changes(&contracts(&before), &contracts(&after)))
}

#[test]
fn a_new_step_breaks_no_open_saga() {
    sound(|all| {
        let more = json!({ "name": "bill", "kind": "retriable", "on": ["orders.order_confirmed.v1"],
            "done": "orders.order_billed.v1" });
        saga(all, "orders")["steps"].as_array_mut().expect("steps").push(more);
        let billed = json!({ "name": "orders.order_billed.v1", "role": "in_saga", "schema": true });
        all[0]["events"].as_array_mut().expect("events").push(billed);
    });
}

#[test]
fn a_step_that_waits_for_something_else_breaks_open_sagas() {
    let join = json!([PLACED, "orders.order_confirmed.v1"]);
    let mut before = system();
    let confirmed =
        json!({ "name": "orders.order_confirmed.v1", "role": "in_saga", "schema": true });
    before[1]["events"].as_array_mut().expect("events").push(confirmed);
    let mut after = before.clone();
    saga(&mut after, "inventory")["steps"][0]["on"] = join.clone();
    let found = changes(&contracts(&before), &contracts(&after));
    let waits = found.iter().find(|change| change.rule == "step_trigger").expect("it breaks");
    assert_eq!(waits.subject, "inventory.reserve");
    // The same events in another order.
    let mut turned = after.clone();
    let steps = &mut saga(&mut turned, "inventory")["steps"][0];
    steps["on"] = json!([join[1], join[0]]);
    assert_eq!(changes(&contracts(&after), &contracts(&turned)), []);
}

#[test]
fn a_step_that_can_be_undone_keeps_its_outcome() {
    let new_outcome = |all: &mut [Value; 2], service: &str, at: usize| {
        let other = format!("{service}.something_else.v1");
        saga(all, service)["steps"][at]["done"] = json!(other);
        let lines = json!({ "name": other, "role": "in_saga", "schema": true });
        let at = all.iter().position(|one| one["service"] == service).expect("a service");
        all[at]["events"].as_array_mut().expect("events").push(lines);
    };
    let found = broken(|all| new_outcome(all, "inventory", 0));
    let outcome = &one("step_outcome", "inventory.reserve", "", "open sagas of order")[0];
    assert!(found.contains(outcome), "{found:?}");
    let found = broken_silently(|all| new_outcome(all, "inventory", 0));
    assert!(found.contains(outcome), "{found:?}");
    // A step that cannot be undone leaves no outcome to read, and no step waits for this one.
    sound(|all| new_outcome(all, "orders", 1));
}

#[test]
fn a_compensation_reads_the_outcome_of_the_release_before() {
    let required = |all: &mut [Value; 2]| {
        let schema = schema(all, "inventory", RESERVED);
        schema["properties"]["shelf"] = json!({ "type": "string" });
        require(schema, "shelf");
    };
    let field = one("field_removed", RESERVED, "shelf", "inventory");
    assert_eq!(broken(required), field);
    assert_eq!(broken_silently(required), field);
    let optional = |all: &mut [Value; 2]| {
        schema(all, "inventory", RESERVED)["properties"]["shelf"] = json!({ "type": "string" });
    };
    sound(optional);
}

#[test]
fn a_compensation_that_is_gone_breaks_open_sagas() {
    let found = broken(|all| {
        let step = &mut saga(all, "inventory")["steps"][0];
        step.as_object_mut().expect("a step").remove("compensated");
        step["kind"] = json!("retriable");
    });
    let gone = &one("step_compensation", "inventory.reserve", "", "open sagas of order")[0];
    assert!(found.contains(gone), "{found:?}");
    let found =
        broken_silently(|all| saga(all, "inventory")["steps"][0]["kind"] = json!("retriable"));
    assert!(found.contains(gone), "{found:?}");
    let called = |all: &mut [Value; 2]| {
        saga(all, "inventory")["steps"][0]["calls_outside"] = json!(true);
    };
    sound(called);
}

#[test]
fn a_step_whose_calls_are_open_goes_on_making_them() {
    // Nobody else repeats calls whose answers the previous release did not get.
    for open in ["calls_outside", "stays_open"] {
        let mut before = system();
        let reserve = &mut saga(&mut before, "inventory")["steps"][0];
        reserve[open] = json!(true);
        let found = changes(&contracts(&before), &contracts(&system()));
        let outcome = one("step_outcome", "inventory.reserve", "", "open sagas of order");
        assert_eq!(rows(found.clone()), outcome, "{open}");
        assert!(found[0].advice.starts_with("keep it with `.until(1, ..)`"), "{found:?}");
        assert_eq!(changes(&contracts(&before), &contracts(&before)), []);
    }
}

const SHORT: &str = "inventory.stock_short.v1";
const GONE: &str = "inventory.stock_gone.v1";

/// The owner aborts on this event.
fn refused_with(all: &mut [Value; 2], refusal: &str) {
    saga(all, "inventory")["steps"][0]["refused"] = json!(refusal);
    saga(all, "orders")["aborts_on"] = json!([refusal]);
    for service in all {
        let line = json!({ "name": refusal, "role": "in_saga", "schema": true });
        service["events"].as_array_mut().expect("events").push(line);
    }
}

fn that_refuses() -> [Value; 2] {
    let mut all = system();
    refused_with(&mut all, SHORT);
    all
}

#[test]
fn a_refusal_that_may_be_on_its_way_aborts() {
    let open = |subject| one("saga", subject, "", "open sagas of order");
    let diff =
        |before: &[Value], after: &[Value]| rows(changes(&contracts(before), &contracts(after)));
    // The refusal goes with its abort, or is renamed.
    assert_eq!(diff(&that_refuses(), &system()), open("order"));
    let mut renamed = system();
    refused_with(&mut renamed, GONE);
    let both = [open("inventory.reserve"), open("order")].concat();
    assert_eq!(diff(&that_refuses(), &renamed), both);
    // The owner still aborts on the old name, and its old replica does not know the new one.
    saga(&mut renamed, "orders")["aborts_on"] = json!([SHORT, GONE]);
    let line = event(&mut that_refuses(), "orders", SHORT).clone();
    renamed[0]["events"].as_array_mut().expect("events").push(line);
    let found = diff(&that_refuses(), &renamed);
    assert!(found.contains(&open("inventory.reserve")[0]), "{found:?}");
    assert!(!found.contains(&open("order")[0]), "{found:?}");
}

#[test]
fn a_step_that_may_refuse_from_now_on_is_of_a_new_version() {
    let open = one("saga", "inventory.reserve", "", "open sagas of order");
    assert_eq!(broken(|all| refused_with(all, SHORT)), open);
    // The running owner aborts on it already.
    let mut known = that_refuses();
    saga(&mut known, "inventory")["steps"][0].as_object_mut().expect("a step").remove("refused");
    let after = contracts(&that_refuses());
    assert_eq!(changes(&contracts(&known), &after), []);
}

#[test]
fn a_saga_keeps_its_decision() {
    let found = broken(|all| {
        let steps = saga(all, "orders")["steps"].as_array_mut().expect("steps");
        steps[1]["kind"] = json!("compensatable");
        let seal = json!({ "name": "seal", "kind": "decision", "on": ["orders.order_confirmed.v1"],
            "done": "orders.order_sealed.v1" });
        steps.push(seal);
        let line = json!({ "name": "orders.order_sealed.v1", "role": "in_saga", "schema": true });
        all[0]["events"].as_array_mut().expect("events").push(line);
    });
    let decided = &one("saga", "orders.confirm", "", "open sagas of order")[0];
    assert!(found.contains(decided), "{found:?}");
}

#[test]
fn a_saga_keeps_its_owner_its_abort_and_its_deadline() {
    let found = broken(|all| {
        saga(all, "orders").as_object_mut().expect("a saga").remove("deadline");
    });
    assert_eq!(found, one("saga", "order", "", "open sagas of order"));
    let later = |all: &mut [Value; 2]| saga(all, "orders")["deadline"]["after"] = json!("PT2H");
    sound(later);
    let found = broken(|all| {
        for service in ["orders", "inventory"] {
            saga(all, service)["owner"] = json!("inventory");
        }
    });
    assert!(found.iter().any(|(rule, ..)| *rule == "saga"), "{found:?}");
}

#[test]
fn a_choreography_that_was_sound_stays_sound() {
    let found = broken(|all| saga(all, "orders")["steps"][1]["kind"] = json!("retriable"));
    let unsound = found.iter().filter(|(rule, ..)| *rule == "choreography");
    assert!(unsound.count() > 0, "{found:?}");
}
