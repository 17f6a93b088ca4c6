//! Dependencies point one way: services -> framework and their system's events -> core; operators'
//! tools -> framework -> broker -> core and fault points.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// What a crate of the workspace is; read from where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Core,
    /// Fault points.
    Fault,
    /// The broker.
    Amqp,
    /// The stream of all events: journal, recordings, replay.
    Stream,
    /// The schema of each service's database.
    Store,
    Framework,
    /// The description of HTTP routes.
    OpenApi,
    /// What operators do with a running system.
    Ops,
    /// A small library; it depends on nothing of ours.
    Library,
    /// The front door; it knows no service, and nothing of ours but how it signs.
    Gateway,
    /// Other companies' APIs, and their webhooks.
    Outside,
    Events,
    /// Who sees and changes what in a system.
    Access,
    Service,
    /// What a system is made of, for tools and whole-system tests.
    System,
    Check,
    /// The operators' web page.
    Console,
    /// A running system: servers, environments, processes.
    Stage,
    Testkit,
    /// What the tests of several services of a system stand on.
    Rig,
    /// What a system says about itself so that it can be tried.
    Load,
    /// The command: it reads the contracts of any system, and is built with none.
    Command,
    /// Programs of our own, above everything.
    Program,
}

#[derive(Debug)]
struct Crate {
    layer: Layer,
    /// The system that it belongs to.
    system: Option<String>,
    /// What it is built with, and what only its tests use.
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
    let place = manifest.trim_start_matches(root).trim_start_matches('/');
    let place: Vec<&str> = place.trim_end_matches("/Cargo.toml").split('/').collect();
    let (layer, system) = match place[..] {
        ["crates", "ballet-core"] => (Layer::Core, None),
        ["crates", "ballet-fault"] => (Layer::Fault, None),
        ["crates", "ballet-amqp"] => (Layer::Amqp, None),
        ["crates", "ballet-stream"] => (Layer::Stream, None),
        ["crates", "ballet-store"] => (Layer::Store, None),
        ["crates", "ballet"] => (Layer::Framework, None),
        ["crates", "ballet-openapi"] => (Layer::OpenApi, None),
        ["crates", "ballet-ops"] => (Layer::Ops, None),
        ["crates", "paging" | "search" | "values" | "ballet-signature"] => (Layer::Library, None),
        ["crates", "gateway"] => (Layer::Gateway, None),
        ["crates", "outside" | "cards"] => (Layer::Outside, None),
        ["crates", "ballet-check"] => (Layer::Check, None),
        ["crates", "ballet-console"] => (Layer::Console, None),
        ["crates", "ballet-stage"] => (Layer::Stage, None),
        ["crates", "ballet-testkit"] => (Layer::Testkit, None),
        ["crates", "ballet-cli"] => (Layer::Command, None),
        ["crates", _] => (Layer::Program, None),
        ["crates", system, "events"] => (Layer::Events, Some(system)),
        ["crates", system, "access"] => (Layer::Access, Some(system)),
        ["crates", system, "rig"] => (Layer::Rig, Some(system)),
        ["crates", system, "load"] => (Layer::Load, Some(system)),
        ["crates", system, "system"] => (Layer::System, Some(system)),
        ["crates", system, _] => (Layer::Service, Some(system)),
        // What an example shows is how a service is written.
        ["examples", _] => (Layer::Service, None),
        _ => panic!("{name} lies in {manifest}: which layer is that?"),
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

/// What a layer may be built on.
const fn below(layer: Layer) -> &'static [Layer] {
    use Layer::*;
    match layer {
        Core | Fault | Library => &[],
        Gateway => &[Library],
        Check => &[Core],
        Events => &[Core, Library],
        Amqp => &[Core, Fault],
        Stream => &[Core, Amqp],
        Store => &[Core, Fault, Amqp],
        Framework => &[Core, Fault, Amqp, Store, Library],
        OpenApi => &[Framework],
        Outside => &[Library, Framework, OpenApi, Outside],
        Access => &[OpenApi, Events],
        Ops => &[Core, Fault, Amqp, Stream, Store, Framework, Check],
        Console => &[Core, Amqp, Stream, Store, Framework, Ops, Check],
        Stage => &[Amqp, Store, Framework, Ops],
        Testkit => &[Core, Fault, Amqp, Store, Framework, OpenApi, Ops, Check, Stage],
        Service => &[Core, Library, Framework, OpenApi, Outside, Events, Access],
        System => &[Core, Library, Store, Framework, OpenApi, Outside, Ops, Events, Service, Check],
        Rig => &[Store, Framework, Ops, Outside, Events, Stage, Testkit],
        // `ballet participant try` is the testkit's suite.
        Command => &[
            Core, Library, Amqp, Stream, Store, Framework, Ops, Check, Console, Stage, Testkit,
            Program,
        ],
        // The benchmark collects spans as tests do.
        Load | Program => &[
            Testkit, Core, Fault, Amqp, Stream, Store, Framework, OpenApi, Outside, Ops, Library,
            Events, Service, System, Check, Console, Stage, Gateway, Load, Program, Command,
        ],
    }
}

/// What the tests of any layer may use: they bring up servers, make processes die, read the broker
/// and look at whole systems.
const FOR_TESTS: [Layer; 11] = [
    Layer::Store,
    Layer::Stage,
    Layer::Testkit,
    Layer::Rig,
    Layer::Fault,
    Layer::Amqp,
    Layer::Ops,
    Layer::Check,
    Layer::Console,
    Layer::System,
    Layer::Gateway,
];

#[test]
fn dependencies_point_one_way() {
    let crates = workspace();
    let mut wrong = Vec::new();
    for (name, one) in &crates {
        let normal = one.normal.iter().map(|dependency| (dependency, false));
        for (dependency, dev) in normal.chain(one.dev.iter().map(|dependency| (dependency, true))) {
            let Some(other) = crates.get(dependency) else { continue };
            // The command's tests work on a whole shop.
            let any = one.layer == Layer::Command;
            let for_tests = dev && (any || FOR_TESTS.contains(&other.layer));
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
fn only_ballet_amqp_uses_lapin() {
    let crates = workspace();
    // The stage looks whether a broker is ready; the bench has a hand-written twin.
    let allowed = ["ballet-amqp", "ballet-stage", "bench"];
    // A test of its own reads a stream, which our consumer does not do.
    let allowed_in_tests = ["ballet"];
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
