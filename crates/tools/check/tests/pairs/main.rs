//! For each rule a system that breaks it, and one that nearly does. Each is a change of a sound system.

mod design;
mod sagas;
mod services;
mod system;

use std::collections::BTreeSet;

use ballet_core::rules::catalogue;
use serde_json::{Value, json};

use design::sound;
use system::found;

fn pairs() -> Vec<(&'static str, Value, Value)> {
    [services::pairs(), sagas::pairs()].concat()
}

#[test]
fn each_rule_finds_what_breaks_it_and_not_what_nearly_does() {
    assert_eq!(found(&sound(), &json!({})), []);
    for (id, broken, near) in pairs() {
        let rules = |change| {
            found(&sound(), change).iter().map(|problem| problem.rule.id).collect::<Vec<_>>()
        };
        assert!(rules(&broken).contains(&id), "{id} is not found among {:?}", rules(&broken));
        assert!(!rules(&near).contains(&id), "{id} is found: {:?}", found(&sound(), &near));
    }
}

#[test]
fn each_rule_has_a_pair() {
    let told: BTreeSet<&str> = pairs().iter().map(|(id, ..)| *id).collect();
    let missing: Vec<&str> =
        catalogue::all().map(|rule| rule.id).filter(|id| !told.contains(id)).collect();
    // The command finds what it cannot read, and a service's builder the methods of its type.
    assert_eq!(missing, ["B001", "B038", "B039"]);
}
