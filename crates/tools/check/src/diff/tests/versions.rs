//! A saga gets a second version, begins under it, and loses the first.

use serde_json::json;

use super::*;

const PLACED_2: &str = "orders.order_placed.v2";
const CHECKED: &str = "inventory.stock_checked.v1";
const DOUBTED: &str = "inventory.stock_doubted.v1";
const UNCHECKED: &str = "inventory.stock_unchecked.v1";

fn name_event(all: &mut [Value; 2], service: &str, name: &str, like: &str) {
    let mut event = event(all, service, like).clone();
    event["name"] = json!(name);
    let service = all.iter_mut().find(|one| one["service"] == service).expect("a service");
    service["events"].as_array_mut().expect("events").push(event);
}

fn steps<'a>(all: &'a mut [Value; 2], service: &str) -> &'a mut Vec<Value> {
    saga(all, service)["steps"].as_array_mut().expect("steps")
}

/// Stock is checked before it is reserved, and the check may refuse.
fn in_two_versions(all: &mut [Value; 2]) {
    name_event(all, "orders", PLACED_2, PLACED);
    name_event(all, "orders", DOUBTED, RESERVED);
    name_event(all, "inventory", PLACED_2, PLACED);
    for name in [CHECKED, DOUBTED, UNCHECKED] {
        name_event(all, "inventory", name, RESERVED);
    }
    saga(all, "orders")["aborts_on"] = json!([DOUBTED]);
    let orders = steps(all, "orders");
    orders[0]["until"] = json!(1);
    orders.push(json!({ "name": "place_v2", "kind": "origin", "on": [CHECKED_OUT],
        "done": PLACED_2, "since": 2 }));
    let inventory = steps(all, "inventory");
    inventory[0]["until"] = json!(1);
    inventory.push(json!({ "name": "check", "kind": "compensatable", "on": [PLACED_2],
        "done": CHECKED, "refused": DOUBTED, "compensated": UNCHECKED, "since": 2 }));
    inventory.push(json!({ "name": "reserve_v2", "kind": "pivot", "on": [CHECKED],
        "done": RESERVED, "compensated": RELEASED, "since": 2 }));
}

fn begins(all: &mut [Value; 2], version: u32) {
    saga(all, "orders")["begins"] = json!(version);
}

fn without_the_first(all: &mut [Value; 2]) {
    for service in ["orders", "inventory"] {
        steps(all, service).retain(|step| step["until"].is_null());
    }
}

fn after(changes: &[fn(&mut [Value; 2])]) -> [Value; 2] {
    let mut all = system();
    changes.iter().for_each(|change| change(&mut all));
    all
}

fn rules(before: &[Value; 2], after: &[Value; 2]) -> Vec<&'static str> {
    let found = changes(&contracts(before), &contracts(after));
    found.iter().map(|change| change.rule).collect()
}

#[test]
fn t224_a_version_is_declared_then_begun_and_then_the_one_before_goes() {
    let one = system();
    let both = after(&[in_two_versions]);
    let begun = after(&[in_two_versions, |all| begins(all, 2)]);
    let second = after(&[in_two_versions, |all| begins(all, 2), without_the_first]);
    assert_eq!(rules(&one, &both), Vec::<&str>::new());
    assert_eq!(rules(&both, &begun), Vec::<&str>::new());
    assert_eq!(rules(&begun, &both), Vec::<&str>::new(), "and back again");
    assert_eq!(rules(&begun, &second), Vec::<&str>::new());
}

#[test]
fn t224_what_would_leave_out_one_of_these_changes_breaks_open_sagas() {
    let one = system();
    let both = after(&[in_two_versions]);
    let begun = after(&[in_two_versions, |all| begins(all, 2)]);
    let second = after(&[in_two_versions, |all| begins(all, 2), without_the_first]);
    let found = changes(&contracts(&one), &contracts(&begun));
    let [early] = &found[..] else { panic!("{found:?}") };
    assert_eq!((early.rule, &*early.subject, &*early.service), ("version", "order", "orders"));
    assert!(early.what.ends_with(
        "does not know inventory.check, inventory.reserve_v2, orders.place_v2, the abort by orders on \
         inventory.stock_doubted.v1"
    ), "{}", early.what);
    // Sagas of the first version begin until the last replica is replaced.
    let found = rules(&both, &second);
    assert!(found.contains(&"step_removed"), "{found:?}");
    assert!(rules(&one, &second).contains(&"step_removed"));
}

#[test]
fn t224_a_step_is_told_how_it_may_change() {
    let found = diff(|all| saga(all, "inventory")["steps"][0]["on"] = json!([RELEASED]));
    let trigger = found.iter().find(|change| change.rule == "step_trigger");
    let advice = &trigger.expect("it breaks").advice;
    assert!(
        advice.starts_with("keep it with `.until(1, ..)`, and declare what is new with"),
        "{advice}"
    );
    // A second pivot beside the first would not wait, as the first runs on the same event.
    let found = diff(|all| {
        in_two_versions(all);
        steps(all, "inventory")[0]["until"] = json!(null);
    });
    let details: Vec<&str> = found.iter().map(|change| &*change.what).collect();
    assert!(details.iter().any(|what| what.starts_with("in version 2: ")), "{details:?}");
}

#[test]
fn t224_a_version_under_which_no_saga_has_begun_may_change() {
    let both = after(&[in_two_versions]);
    let mut another = both.clone();
    steps(&mut another, "inventory").retain(|step| step["name"] != "check");
    let reserve = steps(&mut another, "inventory").last_mut().expect("a step");
    reserve["on"] = json!([PLACED_2]);
    let orders = saga(&mut another, "orders");
    orders["aborts_on"] = json!([]);
    let found = rules(&both, &another);
    assert_eq!(found, Vec::<&str>::new());
}

#[test]
fn a_refusal_and_the_abort_on_it_go_with_the_version_whose_steps_refuse_so() {
    const SHORT: &str = "inventory.stock_short.v1";
    let begun = after(&[
        |all| {
            name_event(all, "orders", SHORT, RESERVED);
            name_event(all, "inventory", SHORT, RESERVED);
        },
        in_two_versions,
        |all| {
            begins(all, 2);
            steps(all, "inventory")[0]["refused"] = json!(SHORT);
            saga(all, "orders")["aborts_on"] = json!([SHORT, DOUBTED]);
        },
    ]);
    let mut second = begun.clone();
    without_the_first(&mut second);
    saga(&mut second, "orders")["aborts_on"] = json!([DOUBTED]);
    assert_eq!(rules(&begun, &second), Vec::<&str>::new());
    // It must stay while sagas of the first version are open.
    let mut early = begun.clone();
    saga(&mut early, "orders")["aborts_on"] = json!([DOUBTED]);
    assert!(rules(&begun, &early).contains(&"saga"));
}
