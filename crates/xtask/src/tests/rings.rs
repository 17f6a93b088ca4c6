//! The rings of the workspace: the framework names no tool, tools name no crate of development, and none of these names
//! a system. What a crate needs for its own tests does not count.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::process::cargo;

/// The rings from the inside out. Whatever is in none of them is part of a system.
const RINGS: [&[&str]; 3] = [
    &[
        "ballet",
        "ballet-amqp",
        "ballet-core",
        "ballet-fault",
        "ballet-listener",
        "ballet-openapi",
        "ballet-signature",
        "ballet-store",
    ],
    &[
        "ballet-check",
        "ballet-cli",
        "ballet-console",
        "ballet-gateway",
        "ballet-ops",
        "ballet-stream",
        "ballet-terminal",
    ],
    &["ballet-stage", "ballet-testkit", "ballet-tests", "ballet-trials", "bench", "xtask"],
];
/// The crates that name others of an outer ring, with the reason.
const EXCEPTIONS: [(&str, &[&str], &str); 2] = [
    (
        "ballet-cli",
        &["ballet-stage", "ballet-testkit"],
        "a rehearsal starts servers, and `participant try` is the suite for foreign programs",
    ),
    (
        "xtask",
        &[
            "rides",
            "rides-events",
            "rides-load",
            "shop",
            "shop-events",
            "shop-load",
            "streaming",
            "streaming-events",
            "streaming-load",
        ],
        "it writes the pages of all systems, and is the program of their trials",
    ),
];

/// The ring of a crate: the higher, the further out.
fn ring(name: &str) -> usize {
    RINGS.iter().position(|names| names.contains(&name)).unwrap_or(RINGS.len())
}

/// The crates of the workspace, each with those that it names.
fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo::metadata().expect("metadata");
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let name = |of: &Value| of["name"].as_str().expect("a name").to_owned();
    let mut all: BTreeMap<_, _> = list(&metadata["packages"])
        .into_iter()
        .filter(|package| package["source"].is_null())
        .map(|package| {
            let needed = list(&package["dependencies"]);
            let needed = needed.iter().filter(|one| one["kind"] != "dev").map(name).collect();
            (name(&package), needed)
        })
        .collect();
    let ours: BTreeSet<String> = all.keys().cloned().collect();
    all.values_mut().for_each(|needed: &mut BTreeSet<_>| needed.retain(|one| ours.contains(one)));
    all
}

#[test]
fn no_crate_names_one_of_an_outer_ring() {
    let crates = crates();
    for name in RINGS.concat() {
        assert!(crates.contains_key(name), "there is no crate {name}");
    }
    let mut outward: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (name, needed) in &crates {
        let others = needed.iter().filter(|other| ring(other) > ring(name));
        outward.extend(others.map(|other| (name.as_str(), other.as_str())));
    }
    let allowed: BTreeSet<(&str, &str)> = EXCEPTIONS
        .iter()
        .flat_map(|(name, others, _)| others.iter().map(move |other| (*name, *other)))
        .collect();
    let wrong: Vec<_> = outward.difference(&allowed).collect();
    assert!(wrong.is_empty(), "these name a crate of an outer ring: {wrong:?}");
    let unused: Vec<_> = allowed.difference(&outward).collect();
    assert!(unused.is_empty(), "these exceptions are not needed any more: {unused:?}");
}
