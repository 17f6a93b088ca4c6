//! The three systems, broken designs with what is found, and near misses that are clean.

mod designs;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use ballet_core::ServiceContract;
use serde_json::{Value, json};

use self::designs::{BROKEN, ChangedDesign, NEAR};
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

/// Each rule that is broken, with the step.
fn found(contracts: &[Value]) -> Vec<(&'static str, String)> {
    let all = search(&system(contracts)).into_iter().flat_map(|saga| {
        assert!(saga.is_whole, "{}", saga.saga);
        saga.counterexamples
    });
    all.map(|one| (one.problem.rule.id, one.problem.of)).collect()
}

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

fn contracts_of(design: &ChangedDesign) -> Contracts {
    let mut all = contracts(design.system);
    (design.change)(part(&mut all, design.service, design.saga));
    tidy(&mut all);
    all
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
        let found = found(&contracts_of(design));
        let (rule, of) = design.finds.expect("a fault");
        let is_found = found.iter().any(|(id, step)| *id == rule && step == of);
        assert!(is_found, "{}, {}: {found:?}", design.system, design.says);
    }
}

#[test]
fn near_misses_are_clean() {
    for design in NEAR {
        assert_eq!(found(&contracts_of(design)), [], "{}, {}", design.system, design.says);
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
    let [act] = &one.acts[..one.length] else { panic!("{one:?}") };
    assert_eq!((&*act.words, act.publishes.len()), ("desk.open_sale begins it", 1));
}

/// A desk asks one driver after the other, and a ride starts with the one who was taken. `again` says who asks again.
fn one_driver_after_another(again: &Value) -> [Value; 2] {
    let mut desk = json!({
        "contract": 1,
        "service": "desk",
        "events": [{ "name": "desk.driver_left.v1", "role": "in_saga", "schema": true }],
        "publishes": ["desk.driver_left.v1"],
        "sagas": [{
            "saga": "ride",
            "owner": "desk",
            "abort": "desk.ride_cancelled.v1",
            "deadline": { "passed": "desk.ride_late.v1", "after": "PT1H" },
            "steps": [
                { "name": "ask", "kind": "origin", "done": "desk.ride_asked.v1" },
                {
                    "name": "want",
                    "kind": "compensatable",
                    "on": ["desk.ride_asked.v1"],
                    "done": "desk.driver_wanted.v1",
                },
                {
                    "name": "start",
                    "kind": "decision",
                    "on": ["fleet.driver_taken.v1"],
                    "done": "desk.ride_started.v1",
                },
            ],
        }],
    });
    let fleet = json!({
        "contract": 1,
        "service": "fleet",
        "events": [],
        "sagas": [{
            "saga": "ride",
            "owner": "desk",
            "abort": "desk.ride_cancelled.v1",
            "steps": [{
                "name": "take",
                "kind": "compensatable",
                "on": ["desk.driver_wanted.v1"],
                "done": "fleet.driver_taken.v1",
                "compensated": "fleet.driver_freed.v1",
                "compensated_by": ["desk.driver_left.v1"],
            }],
        }],
    });
    let steps = desk["sagas"][0]["steps"].as_array_mut().expect("steps");
    steps.extend(again.as_array().expect("steps").iter().cloned());
    let mut both = [desk, fleet];
    tidy(&mut both);
    both
}

/// Designs in which a driver may leave, and whether the ride waits for the next one.
fn drivers() -> Vec<(&'static str, Contracts, bool)> {
    let asks = |on: &str| {
        let done = "desk.driver_wanted.v1";
        let step =
            json!({ "name": "want_again", "kind": "compensatable", "on": [on], "done": done });
        one_driver_after_another(&json!([step])).to_vec()
    };
    let mut beside = asks("desk.driver_left.v1");
    beside[0]["publishes"] = json!(["desk.driver_left.v1", "desk.driver_wanted.v1"]);
    let steps = beside[0]["sagas"][0]["steps"].as_array_mut().expect("steps");
    steps.retain(|step| step["done"] != "desk.driver_wanted.v1");
    vec![
        ("a step asks again", asks("desk.driver_left.v1"), true),
        ("the desk asks beside its steps", beside, true),
        ("nobody asks again", one_driver_after_another(&json!([])).to_vec(), false),
        ("of who leaves before being taken nobody hears", asks("fleet.driver_freed.v1"), false),
    ]
}

#[test]
fn a_decision_waits_for_the_next_repetition_if_somebody_asks_for_it() {
    for (says, contracts, is_sound) in drivers() {
        let wrong = [("B074", "start".to_owned())];
        let wrong = if is_sound { &[] } else { &wrong[..] };
        assert_eq!(found(&contracts), wrong, "{says}");
    }
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

/// The programs `tla` of the crate `tla-checker`, and `snappea-compat` of `snappea`.
#[test]
#[ignore = "`cargo xtask opinion` has the programs"]
fn other_checkers_agree() {
    let program = |name| std::process::Command::new(std::env::var_os(name).expect("a program"));
    let folder = std::env::temp_dir().join(format!("ballet-models-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let whole = ["rides", "shop", "streaming"].map(|name| (name, contracts(name), true));
    let changed = BROKEN.iter().chain(NEAR);
    let changed = changed.map(|one| (one.says, contracts_of(one), one.finds.is_none()));
    for (says, contracts, is_sound) in whole.into_iter().chain(changed).chain(drivers()) {
        let (mut in_tla, mut in_p) = (true, true);
        for model in models::models(&system(&contracts)) {
            let file = |ending| folder.join(&model.name).with_extension(ending);
            for (ending, text) in
                [("tla", model.tla()), ("cfg", models::SETTINGS.to_owned()), ("p", model.p())]
            {
                fs::write(file(ending), text).expect("written");
            }
            let said = |command: &mut std::process::Command| {
                let said = command.output().expect("an answer");
                String::from_utf8_lossy(&said.stdout).into_owned()
            };
            let tla = said(program("TLA").arg(file("tla")));
            let options = "check -md pex --sch-pex dfs -tc run -s 1000000000 -t 3600 -o";
            let mut command = program("SNAPPEA");
            command.args(options.split(' ')).arg(&folder).arg("-pf").arg(file("p"));
            let p = said(&mut command);
            let words = |line: &&str| line.contains("distinct states");
            let states = p.lines().find(words).unwrap_or_default().trim();
            println!("{says}: {}; {states}", tla.lines().last().unwrap_or_default());
            in_tla &= tla.contains("No errors found");
            let is_right = p.contains("Found 0 bugs") && p.contains("every behaviour");
            assert!(is_right || p.contains("Found 1 bug"), "{says}: {p}");
            in_p &= is_right;
        }
        assert_eq!((in_tla, in_p), (is_sound, is_sound), "{says}");
    }
    fs::remove_dir_all(folder).expect("removed");
}
