//! Dependencies point one way: services -> framework and their system's events -> core.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// The layer of a crate, which follows from its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Core,
    Framework,
    Events,
    Service,
    /// A system as a whole, for tools and whole-system tests.
    System,
    Check,
    Testkit,
    /// Our own programs, above everything.
    Program,
}

#[derive(Debug)]
struct Crate {
    layer: Layer,
    /// The system that it belongs to.
    system: Option<String>,
    /// Its dependencies, and those of its tests.
    normal: Vec<String>,
    dev: Vec<String>,
}

fn workspace() -> BTreeMap<String, Crate> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let root = metadata["workspace_root"].as_str().expect("a path");
    let packages = metadata["packages"].as_array().expect("a list");
    packages.iter().map(|package| read(root, package)).collect()
}

fn read(root: &str, package: &Value) -> (String, Crate) {
    let name = package["name"].as_str().expect("a name");
    let manifest = package["manifest_path"].as_str().expect("a path");
    let path = manifest.trim_start_matches(root).trim_start_matches('/');
    let path: Vec<&str> = path.trim_end_matches("/Cargo.toml").split('/').collect();
    let (layer, system) = match path[..] {
        ["crates", "ballet-core"] => (Layer::Core, None),
        ["crates", "ballet"] => (Layer::Framework, None),
        ["crates", "ballet-check"] => (Layer::Check, None),
        ["crates", "ballet-testkit"] => (Layer::Testkit, None),
        ["crates", _] => (Layer::Program, None),
        ["crates", system, "events"] => (Layer::Events, Some(system)),
        ["crates", system, "system"] => (Layer::System, Some(system)),
        ["crates", system, _] => (Layer::Service, Some(system)),
        // Examples show how a service is written.
        ["examples", _] => (Layer::Service, None),
        _ => panic!("{name} is in {manifest}, which belongs to no layer"),
    };
    let of_kind = |dev: bool| {
        let all = package["dependencies"].as_array().into_iter().flatten();
        all.filter(|dependency| (dependency["kind"] == "dev") == dev)
            .filter_map(|dependency| Some(dependency["name"].as_str()?.to_owned()))
            .collect()
    };
    let system = system.map(str::to_owned);
    (name.to_owned(), Crate { layer, system, normal: of_kind(false), dev: of_kind(true) })
}

/// The layers that a layer may depend on.
const fn below(layer: Layer) -> &'static [Layer] {
    match layer {
        Layer::Core => &[],
        Layer::Framework | Layer::Events | Layer::Check => &[Layer::Core],
        Layer::Service => &[Layer::Core, Layer::Framework, Layer::Events],
        Layer::Testkit => &[Layer::Core, Layer::Framework],
        Layer::System => {
            &[Layer::Core, Layer::Framework, Layer::Events, Layer::Service, Layer::Check]
        }
        Layer::Program => &[
            Layer::Core,
            Layer::Framework,
            Layer::Events,
            Layer::Service,
            Layer::System,
            Layer::Check,
            Layer::Testkit,
            Layer::Program,
        ],
    }
}

#[test]
fn dependencies_point_one_way() {
    let crates = workspace();
    let mut wrong = Vec::new();
    for (name, one) in &crates {
        let normal = one.normal.iter().map(|dependency| (dependency, false));
        for (dependency, dev) in normal.chain(one.dev.iter().map(|dependency| (dependency, true))) {
            let Some(other) = crates.get(dependency) else { continue };
            // Tests of every layer may start servers and use whole systems.
            let for_tests =
                dev && matches!(other.layer, Layer::Testkit | Layer::Check | Layer::System);
            if !below(one.layer).contains(&other.layer) && !for_tests {
                wrong.push(format!(
                    "{name} ({:?}) uses {dependency} ({:?})",
                    one.layer, other.layer
                ));
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
fn only_the_framework_speaks_amqp() {
    let crates = workspace();
    // The testkit checks whether a broker is ready, and the bench has hand-written contestants.
    let allowed = ["ballet", "ballet-testkit", "bench"];
    let speakers: Vec<_> = crates
        .iter()
        .filter(|(name, one)| {
            let uses = one.normal.iter().chain(&one.dev).any(|d| d == "lapin" || d == "amqprs");
            uses && !allowed.contains(&name.as_str())
        })
        .map(|(name, _)| name)
        .collect();
    assert!(speakers.is_empty(), "{speakers:?} should go through `ballet::broker`");
}
