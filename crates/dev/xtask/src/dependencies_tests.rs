//! Dependencies point one way: services -> framework and their system's events -> core; operators' tools -> framework
//! -> broker -> core.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cargo;

/// Its name, the place of its crates, and the layers that it may depend on. A crate is in the first layer that matches.
/// `*` is any name: a system's, if a folder follows.
type Layer = (&'static str, &'static str, &'static str);

/// Layers below programs. The benchmark collects spans with the testkit.
const EVERYTHING: &str = "testkit core amqp store framework common ops library events service \
    check console stage gateway trial program command";

const LAYERS: [Layer; 19] = [
    // The attributes print paths, and depend on nothing of ours.
    ("macros", "crates/framework/macros", ""),
    ("core", "crates/framework/core", "macros"),
    ("amqp", "crates/framework/amqp", "core"),
    ("store", "crates/framework/store", "core amqp"),
    ("framework", "crates/framework/ballet", "macros core amqp store library"),
    ("ops", "crates/tools/ops", "core amqp store framework"),
    // For the gateway and services. It depends on nothing of ours.
    ("library", "crates/framework/http", ""),
    // It knows no service, and of ours only the code to sign and listen.
    ("gateway", "crates/tools/gateway", "library"),
    ("common", "crates/systems/common", "library framework"),
    ("check", "crates/tools/check", "core"),
    ("console", "crates/tools/console", "core library amqp store framework ops check"),
    ("stage", "crates/dev/stage", "amqp library store framework ops"),
    ("testkit", "crates/dev/testkit", "core amqp store framework ops check stage"),
    // It reads any system's contracts, and contains none. `ballet participant try` is the testkit's suite.
    (
        "command",
        "crates/tools/cli",
        "core library amqp store framework ops check console stage testkit program",
    ),
    ("program", "crates/tools/* crates/dev/*", EVERYTHING),
    // Its choreography, audit, load in trials, and tests.
    ("trial", "crates/systems/*/trial", EVERYTHING),
    // With its services' callers, and who owns what.
    ("events", "crates/systems/*/events", "core common framework"),
    // It runs its services itself.
    ("hello", "examples/hello", "framework stage"),
    // It shows how a service is written.
    ("service", "crates/systems/*/* examples/*", "core library framework common events"),
];

/// The additional layers for the tests of any layer: they bring up servers, kill processes, read the broker and look
/// at whole systems.
const FOR_TESTS: &str = "store stage testkit amqp ops check console trial gateway";

#[derive(Debug)]
struct Crate {
    layer: &'static Layer,
    system: Option<String>,
    normal: Vec<String>,
    dev: Vec<String>,
}

fn workspace() -> BTreeMap<String, Crate> {
    let metadata = cargo::metadata().expect("cargo runs");
    let root = metadata["workspace_root"].as_str().expect("a path");
    let packages = metadata["packages"].as_array().expect("a list");
    let ours = packages.iter().filter(|package| package["source"].is_null());
    ours.map(|package| read(root, package)).collect()
}

fn read(root: &str, package: &Value) -> (String, Crate) {
    let name = package["name"].as_str().expect("a name");
    let manifest = package["manifest_path"].as_str().expect("a path");
    let place = manifest.trim_start_matches(root).trim_start_matches('/');
    let place: Vec<&str> = place.trim_end_matches("/Cargo.toml").split('/').collect();
    let is_there = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('/').collect();
        let fits = |(part, is): (&&str, &&str)| *part == "*" || part == is;
        parts.len() == place.len() && parts.iter().zip(&place).all(fits)
    };
    let layer = LAYERS.iter().find(|(_, places, _)| places.split(' ').any(is_there));
    let layer = layer.unwrap_or_else(|| panic!("{name} lies in {manifest}: which layer is that?"));
    let system = (place.len() > 3).then(|| place[2].to_owned());
    let of_kind = |dev: bool| {
        let all = package["dependencies"].as_array().into_iter().flatten();
        all.filter(|dependency| (dependency["kind"] == "dev") == dev)
            .filter_map(|dependency| Some(dependency["name"].as_str()?.to_owned()))
            .collect()
    };
    (name.to_owned(), Crate { layer, system, normal: of_kind(false), dev: of_kind(true) })
}

fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

#[test]
fn dependencies_point_one_way() {
    let crates = workspace();
    let mut wrong = Vec::new();
    for (name, one) in &crates {
        let normal = one.normal.iter().map(|dependency| (dependency, false));
        for (dependency, dev) in normal.chain(one.dev.iter().map(|dependency| (dependency, true))) {
            let Some(other) = crates.get(dependency) else { continue };
            let ((mine, _, below), (theirs, _, _)) = (one.layer, other.layer);
            // The command's tests need a whole shop.
            let for_tests = dev && (*mine == "command" || has(FOR_TESTS, theirs));
            if !has(below, theirs) && !for_tests {
                wrong.push(format!("{name} ({mine}) uses {dependency} ({theirs})"));
            }
            let both = one.system.as_ref().zip(other.system.as_ref());
            if both.is_some_and(|(mine, theirs)| mine != theirs) {
                wrong.push(format!("{name} uses {dependency}, which belongs to another system"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_ballet_amqp_uses_lapin() {
    let crates = workspace();
    // The stage checks that a broker is ready, and the bench has a hand-written twin.
    let allowed = ["ballet-amqp", "ballet-stage", "bench"];
    // One test reads a stream, unlike our consumer.
    let allowed_in_tests = ["ballet-tests"];
    let is_client = |dependency: &String| dependency == "lapin" || dependency == "amqprs";
    let others: Vec<_> = crates
        .iter()
        .filter(|(name, one)| {
            let name = name.as_str();
            let in_tests = allowed_in_tests.contains(&name);
            let uses =
                one.normal.iter().any(is_client) || (!in_tests && one.dev.iter().any(is_client));
            uses && !allowed.contains(&name)
        })
        .map(|(name, _)| name)
        .collect();
    assert!(others.is_empty(), "{others:?} should use the broker through `ballet-amqp`");
}
