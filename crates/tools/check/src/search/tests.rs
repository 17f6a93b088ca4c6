//! The three systems, broken designs with what is found, and near misses that are clean.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use ballet_core::ServiceContract;
use serde_json::{Value, json};

use super::moves::MoveKind;
use super::state::{Entry, State};
use super::*;

type Contracts = Vec<Value>;

fn contracts(system: &str) -> Contracts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts").join(system);
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    let read = |file: &PathBuf| fs::read_to_string(file).expect("a contract");
    files.iter().map(|file| serde_json::from_str(&read(file)).expect("JSON")).collect()
}

fn system(contracts: &[Value]) -> System {
    let part = |contract: &Value| {
        let contract = ServiceContract::read(contract.to_string().as_bytes()).expect("a contract");
        contract.part().expect("a part")
    };
    System { name: "broken", parts: contracts.iter().map(part).collect() }
}

/// The part of a service in a saga.
fn part<'a>(contracts: &'a mut [Value], service: &str, saga: &str) -> &'a mut Value {
    let contract = contracts.iter_mut().find(|one| one["service"] == service).expect("a service");
    let sagas = contract["sagas"].as_array_mut().expect("sagas");
    sagas.iter_mut().find(|one| one["saga"] == saga).expect("a saga")
}

fn step<'a>(part: &'a mut Value, name: &str) -> &'a mut Value {
    let steps = part["steps"].as_array_mut().expect("steps");
    steps.iter_mut().find(|step| step["name"] == name).expect("a step")
}

fn without(list: &mut Value, event: &str) {
    list.as_array_mut().expect("a list").retain(|one| one != event);
}

/// Each rule that is broken, with the step.
fn found(contracts: &[Value]) -> Vec<(&'static str, String)> {
    let all = search(&system(contracts)).into_iter().flat_map(|saga| {
        assert!(saga.is_whole, "{}", saga.saga);
        saga.counterexamples
    });
    all.map(|one| (one.problem.rule.id, one.problem.of)).collect()
}

struct ChangedDesign {
    system: &'static str,
    saga: &'static str,
    /// The service whose part is changed.
    service: &'static str,
    says: &'static str,
    change: fn(&mut Value),
    /// The rule and the step. Nothing for a near miss.
    finds: Option<(&'static str, &'static str)>,
}

const fn shop(
    service: &'static str,
    says: &'static str,
    change: fn(&mut Value),
    finds: Option<(&'static str, &'static str)>,
) -> ChangedDesign {
    ChangedDesign { system: "shop", saga: "order_fulfillment", service, says, change, finds }
}

const fn rides(
    service: &'static str,
    says: &'static str,
    change: fn(&mut Value),
    finds: Option<(&'static str, &'static str)>,
) -> ChangedDesign {
    ChangedDesign { system: "rides", saga: "ride_dispatch", service, says, change, finds }
}

const fn streaming(
    service: &'static str,
    says: &'static str,
    change: fn(&mut Value),
    finds: Option<(&'static str, &'static str)>,
) -> ChangedDesign {
    ChangedDesign { system: "streaming", saga: "playback_session", service, says, change, finds }
}

const BROKEN: &[ChangedDesign] = &[
    shop(
        "orders",
        "a declined payment aborts nothing",
        |part| without(&mut part["aborts_on"], "payments.payment_declined.v1"),
        Some(("B074", "authorize_payment")),
    ),
    shop(
        "orders",
        "a failed reservation aborts nothing",
        |part| without(&mut part["aborts_on"], "inventory.stock_reservation_failed.v1"),
        Some(("B074", "reserve_stock")),
    ),
    shop(
        "orders",
        "the decision does not wait for the pivot, which may refuse later",
        |part| step(part, "confirm_order")["on"] = json!(["shipping.shipment_scheduled.v1"]),
        Some(("B074", "capture_payment")),
    ),
    shop(
        "orders",
        "the decision waits for an outcome and its opposite",
        |part| {
            let on = ["payments.payment_captured.v1", "payments.payment_capture_failed.v1"];
            step(part, "confirm_order")["on"] = json!(on);
        },
        Some(("B074", "confirm_order")),
    ),
    shop(
        "orders",
        "a join waits for what comes in aborted runs only",
        |part| {
            let on = ["inventory.stock_committed.v1", "shipping.shipment_cancelled.v1"];
            step(part, "complete_order")["on"] = json!(on);
        },
        Some(("B074", "complete_order")),
    ),
    shop(
        "orders",
        "a second decision beside the first",
        |part| {
            let second = json!({
                "name": "accept_order",
                "kind": "decision",
                "on": ["inventory.stock_reserved.v1"],
                "done": "orders.order_accepted.v1",
            });
            part["steps"].as_array_mut().expect("steps").push(second);
        },
        Some(("B076", "confirm_order")),
    ),
    shop(
        "orders",
        "the deadline passes with the abort itself",
        |part| part["deadline"]["passed"] = json!("orders.order_cancelled.v1"),
        Some(("B076", "confirm_order")),
    ),
    shop(
        "inventory",
        "stock is committed before the decision",
        |part| step(part, "commit_stock")["on"] = json!(["inventory.stock_reserved.v1"]),
        Some(("B075", "commit_stock")),
    ),
    shop(
        "inventory",
        "the service hears of no abort",
        |part| part["abort"] = Value::Null,
        Some(("B075", "reserve_stock")),
    ),
    shop(
        "inventory",
        "a step publishes the abort",
        |part| step(part, "commit_stock")["done"] = json!("orders.order_cancelled.v1"),
        Some(("B076", "confirm_order")),
    ),
    shop(
        "shipping",
        "the pivot's event is taken for the decision",
        |part| step(part, "dispatch_shipment")["on"] = json!(["payments.payment_captured.v1"]),
        Some(("B075", "dispatch_shipment")),
    ),
    shop(
        "shipping",
        "the service waits for an abort that nobody publishes",
        |part| part["abort"] = json!("orders.order_withdrawn.v1"),
        Some(("B075", "schedule_shipment")),
    ),
    shop(
        "shipping",
        "a delivery may be refused after the decision",
        |part| {
            let step = step(part, "deliver_shipment");
            step["kind"] = json!("compensatable");
            step["refused"] = json!("shipping.shipment_lost.v1");
        },
        Some(("B074", "deliver_shipment")),
    ),
    rides(
        "dispatch",
        "nobody acts when no driver is near",
        |part| without(&mut part["aborts_on"], "location.no_driver_nearby.v1"),
        Some(("B074", "reserve_driver")),
    ),
    rides(
        "dispatch",
        "the ride starts before the fare is held",
        |part| step(part, "start_ride")["on"] = json!(["location.driver_reserved.v1"]),
        Some(("B074", "hold_fare")),
    ),
    rides(
        "dispatch",
        "a fare may be refused after the ride",
        |part| {
            let step = step(part, "charge_fare");
            step["kind"] = json!("compensatable");
            step["refused"] = json!("dispatch.fare_refused.v1");
        },
        Some(("B074", "charge_fare")),
    ),
    rides(
        "location",
        "a driver is let go before the decision",
        |part| step(part, "release_driver")["on"] = json!(["location.driver_reserved.v1"]),
        Some(("B075", "release_driver")),
    ),
    rides(
        "location",
        "the service hears of no abort",
        |part| part["abort"] = Value::Null,
        Some(("B075", "reserve_driver")),
    ),
    streaming(
        "playback",
        "a refused licence aborts nothing",
        |part| without(&mut part["aborts_on"], "titles.playback_license_denied.v1"),
        Some(("B074", "grant_license")),
    ),
    streaming(
        "playback",
        "the decision waits for neither licence nor slot",
        |part| step(part, "start_playback")["on"] = json!(["accounts.viewer_admitted.v1"]),
        Some(("B074", "grant_license")),
    ),
    streaming(
        "accounts",
        "a slot is released before the decision",
        |part| step(part, "release_slot")["on"] = json!(["accounts.stream_slot_reserved.v1"]),
        Some(("B075", "release_slot")),
    ),
    streaming(
        "titles",
        "the service hears of no abort",
        |part| part["abort"] = Value::Null,
        Some(("B075", "grant_license")),
    ),
];

const NEAR: &[ChangedDesign] = &[
    shop(
        "orders",
        "a run without a deadline, in which every refusal aborts",
        |part| part["deadline"] = Value::Null,
        None,
    ),
    shop(
        "orders",
        "an order is complete when it is delivered, whatever stock does",
        |part| step(part, "complete_order")["on"] = json!(["shipping.shipment_delivered.v1"]),
        None,
    ),
    shop(
        "payments",
        "a payment that waits for the stock alone",
        |part| step(part, "authorize_payment")["on"] = json!(["inventory.stock_reserved.v1"]),
        None,
    ),
    shop(
        "payments",
        "steps that call nothing outside",
        |part| {
            step(part, "authorize_payment")["calls_outside"] = json!(false);
            step(part, "capture_payment")["calls_outside"] = json!(false);
        },
        None,
    ),
    shop(
        "inventory",
        "stock is committed later than it has to be",
        |part| step(part, "commit_stock")["on"] = json!(["shipping.shipment_dispatched.v1"]),
        None,
    ),
    shop(
        "shipping",
        "a refused shipment is not the end: another step takes its place",
        |part| {
            step(part, "schedule_shipment")["refused"] = json!("shipping.van_missed.v1");
            let other = json!({
                "name": "schedule_later",
                "kind": "compensatable",
                "on": ["shipping.van_missed.v1"],
                "done": "shipping.shipment_scheduled.v1",
                "refused": "shipping.shipment_rejected.v1",
                "compensated": "shipping.shipment_cancelled.v1",
            });
            part["steps"].as_array_mut().expect("steps").push(other);
        },
        None,
    ),
    rides(
        "dispatch",
        "a fare that is held from rows of its own",
        |part| step(part, "hold_fare")["calls_outside"] = json!(false),
        None,
    ),
    rides(
        "location",
        "a reservation that is undone silently",
        |part| step(part, "reserve_driver")["compensated"] = Value::Null,
        None,
    ),
    streaming(
        "playback",
        "the decision waits for the slot alone, which comes after the licence",
        |part| step(part, "start_playback")["on"] = json!(["accounts.stream_slot_reserved.v1"]),
        None,
    ),
    streaming(
        "accounts",
        "a viewer is admitted by a provider",
        |part| step(part, "admit_viewer")["calls_outside"] = json!(true),
        None,
    ),
];

/// A contract names only events whose schemas it has, and leaves out what is missing.
fn tidy(contracts: &mut [Value]) {
    for contract in contracts {
        let Some(sagas) = contract.get_mut("sagas") else { continue };
        drop_nulls(sagas);
        let mut named = Vec::new();
        names(sagas, &mut named);
        let events = contract["events"].as_array_mut().expect("events");
        for name in named {
            if !events.iter().any(|event| event["name"] == *name) {
                events.push(json!({ "name": name, "role": "in_saga", "schema": true }));
            }
        }
    }
}

fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(name) if name.contains(".v") => found.push(name.clone()),
        Value::Array(all) => all.iter().for_each(|one| names(one, found)),
        Value::Object(all) => all.values().for_each(|one| names(one, found)),
        _ => {}
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(all) => {
            all.retain(|_, one| !one.is_null());
            all.values_mut().for_each(drop_nulls);
        }
        Value::Array(all) => all.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

impl ChangedDesign {
    fn contracts(&self) -> Contracts {
        let mut all = contracts(self.system);
        (self.change)(part(&mut all, self.service, self.saga));
        tidy(&mut all);
        all
    }
}

#[test]
fn the_three_systems_end_well_in_every_order() {
    for name in ["rides", "shop", "streaming"] {
        let all = contracts(name);
        for saga in search(&system(&all)) {
            println!("{name}: {} has {} states", saga.saga, saga.states);
        }
        assert_eq!(found(&all), [], "{name}");
    }
}

#[test]
fn each_broken_design_is_found_with_its_step() {
    for design in BROKEN {
        let found = found(&design.contracts());
        let (rule, of) = design.finds.expect("a fault");
        let is_found = found.iter().any(|(id, step)| *id == rule && step == of);
        assert!(is_found, "{}, {}: {found:?}", design.system, design.says);
    }
}

#[test]
fn near_misses_are_clean() {
    for design in NEAR {
        assert_eq!(found(&design.contracts()), [], "{}, {}", design.system, design.says);
    }
}

#[test]
fn of_a_saga_that_never_ends_well_a_whole_run_is_shown() {
    let mut desk = [json!({
        "contract": 1,
        "service": "desk",
        "events": [],
        "sagas": [{ "saga": "sale", "owner": "desk", "steps": [
            { "name": "open_sale", "kind": "origin", "done": "desk.sale_opened.v1" },
            {
                "name": "close_sale",
                "kind": "decision",
                "on": ["desk.sale_paid.v1"],
                "done": "desk.sale_closed.v1",
            },
        ] }],
    })];
    tidy(&mut desk);
    let sagas = search(&system(&desk));
    let [one] = &sagas[0].counterexamples[..] else { panic!("{sagas:?}") };
    assert_eq!((one.problem.rule.id, &*one.problem.of), ("B074", "close_sale"));
    assert_eq!((&*one.moves, one.events.len()), (&["desk.open_sale begins it".to_owned()][..], 1));
}

#[test]
fn nothing_runs_after_its_tombstone() {
    for name in ["rides", "shop", "streaming"] {
        let system = system(&contracts(name));
        let graph = Graph::new(system.clone());
        for saga in graph.sagas() {
            let graph = graph.in_version(saga, 1);
            let design = Design::new(&system, &graph, saga);
            for state in Explored::new(&design, MOST).states {
                design.moves(&state, &mut |_, next| {
                    for (at, step) in design.steps.iter().enumerate() {
                        let is_buried = state.has(design.services[step.service].tombstone);
                        let is_new =
                            state.entry(at) == Entry::Nothing && next.entry(at) != Entry::Nothing;
                        assert!(!(is_buried && is_new), "{saga}: {}", design.name(at));
                    }
                });
            }
        }
    }
}

/// Of two viewers, one has the last slot: the other is refused.
#[test]
fn a_run_beside_another_that_shares_a_row_reaches_no_other_state_and_ends_well() {
    let system = system(&contracts("streaming"));
    let saga = "playback_session";
    let graph = Graph::new(system.clone()).in_version(saga, 1);
    let design = Design::new(&system, &graph, saga);
    let alone: HashSet<State> = Explored::new(&design, MOST).states.into_iter().collect();
    let slot = design.steps.iter().position(|step| step.part.name == "reserve_slot");
    let slot = slot.expect("a step");
    let mut open = vec![[State::default(); 2]];
    let mut known: HashSet<[State; 2]> = open.iter().copied().collect();
    while let Some(runs) = open.pop() {
        let mut goes_on = false;
        for (at, run) in runs.iter().enumerate() {
            assert!(alone.contains(run));
            let is_taken = runs[1 - at].entry(slot) == Entry::Done;
            design.moves(run, &mut |made, next| {
                if is_taken && made.at == slot && made.kind == MoveKind::Do {
                    return;
                }
                goes_on |= design.helps(run, made);
                let mut both = runs;
                both[at] = next;
                if known.insert(both) {
                    open.push(both);
                }
            });
        }
        assert!(goes_on || runs.iter().all(|run| design.is_good(run)));
    }
    println!("{} states of two runs, {} of one", known.len(), alone.len());
}

/// The modules of TLA+, checked by the program `tla` of the crate `tla-checker`.
#[test]
#[ignore = "TLA is the path of another checker"]
fn another_checker_agrees() {
    let program = std::env::var_os("TLA").expect("TLA");
    let folder = std::env::temp_dir().join(format!("ballet-tla-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let whole = ["rides", "shop", "streaming"].map(|name| (name, contracts(name), true));
    let changed = BROKEN.iter().chain(NEAR);
    let changed = changed.map(|one| (one.says, one.contracts(), one.finds.is_none()));
    for (says, contracts, is_sound) in whole.into_iter().chain(changed) {
        let agrees = tla::modules(&system(&contracts)).into_iter().all(|module| {
            let file = folder.join(module.name);
            fs::write(file.with_extension("tla"), module.text).expect("written");
            fs::write(file.with_extension("cfg"), tla::SETTINGS).expect("written");
            let mut command = std::process::Command::new(&program);
            let said = command.arg(file.with_extension("tla")).output().expect("an answer");
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            println!("{says}: {}", said.lines().last().unwrap_or_default());
            said.contains("No errors found")
        });
        assert_eq!(agrees, is_sound, "{says}");
    }
    fs::remove_dir_all(folder).expect("removed");
}
