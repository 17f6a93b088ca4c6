//! What this workspace's containers, and those of `ballet new gateway`, get exists in their programs: settings, ports,
//! health checks and files.

use std::collections::BTreeSet;

use ballet::Settings;
use clap::{Args as _, Command};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::root;
use crate::tests::files::{
    compose, container_of, field, file, names, own_settings, services, systems,
};

/// Placeholders stand for names that the user chooses.
const TEMPLATE: &str = "crates/tools/cli/templates/gateway";
const MANIFEST: &str = "crates/tools/cli/templates/project/manifest.toml";
const SERVICE: &str = "my_service";
/// The variables that the gateway reads besides those that its config names.
const OF_GATEWAY: [&str; 3] = ["GATEWAY_PUBLIC", "GATEWAY_PRIVATE", "LOG"];

fn template() -> Yaml {
    let text = file(&format!("{TEMPLATE}/containers.yaml"));
    // `ballet new` writes the way to find ballet there.
    let text = text.replace("BALLET_CONTEXT\n", "");
    let mut documents = YamlLoader::load_from_str(&text).expect("YAML");
    documents.pop().expect("one document")
}

fn settings() -> BTreeSet<String> {
    let command = Settings::augment_args(Command::new("service"));
    let variables = command.get_arguments().filter_map(|argument| argument.get_env());
    variables.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// The variables of a container, including those of a mapping that is merged into it.
fn variables(container: &Yaml) -> BTreeSet<String> {
    let own = &container["environment"];
    let mut all = names(own);
    if all.remove("<<") {
        all.extend(names(&own["<<"]));
    }
    all
}

fn port(address: &Yaml) -> &str {
    address.as_str().and_then(|text| text.rsplit(':').next()).expect("an address with a port")
}

/// The port that a container's health check asks.
fn checked(container: &Yaml) -> &str {
    let test = field(field(container, "healthcheck"), "test");
    assert_eq!((test[0].as_str(), test[1].as_str()), (Some("CMD"), Some("ready")));
    test[2].as_str().expect("a port")
}

fn service_is_told(name: &str, container: &Yaml, own: &[String]) {
    let known = settings();
    for variable in variables(container) {
        assert!(known.contains(&variable) || own.contains(&variable), "{name}: {variable}");
    }
    assert_eq!(
        port(field(field(container, "environment"), "LISTEN")),
        checked(container),
        "{name}"
    );
}

fn gateway_is_told(container: &Yaml, config: &str) {
    let table: Value = toml::from_str(config).expect("TOML");
    let upstreams = table["upstream"].as_array().expect("upstreams");
    let mut wanted = BTreeSet::new();
    for (at, begin) in config.match_indices("\"env:") {
        let name = config[at + begin.len()..].split('"').next().expect("a name");
        if name.contains("{upstream}") {
            let named = upstreams.iter().map(|upstream| upstream["name"].as_str().expect("a name"));
            wanted.extend(named.map(|upstream| name.replace("{upstream}", upstream)));
        } else {
            wanted.insert(name.to_owned());
        }
    }
    let told = variables(container);
    assert!(wanted.is_subset(&told), "{wanted:?} {told:?}");
    for variable in told.difference(&wanted) {
        assert!(OF_GATEWAY.contains(&&**variable), "the gateway has no {variable}");
    }
    let public = port(field(field(container, "environment"), "GATEWAY_PUBLIC"));
    assert_eq!(public, port(&field(container, "ports")[0]));
    let private = table["listen"]["private"].as_str().expect("an address");
    assert_eq!(private.rsplit(':').next(), Some(checked(container)));
}

#[test]
fn whatever_a_container_is_told_its_program_knows() {
    let compose = compose();
    for system in systems() {
        for name in services(system) {
            service_is_told(name, &compose["services"][name], &own_settings(name));
        }
        let gateway = container_of(system, "gateway");
        gateway_is_told(&compose["services"][gateway.as_str()], &file(&system.gateway()));
    }
}

#[test]
fn the_containers_of_a_project_find_what_they_need() {
    let template = template();
    // Otherwise both would be named after the directory, and share containers and volumes.
    assert_eq!(template["name"].as_str(), Some("my_system-containers"));
    let all = &template["services"];
    let service = &all[SERVICE];
    service_is_told(SERVICE, service, &[]);
    assert_eq!(service["command"][0].as_str(), Some(SERVICE));
    assert!(file(MANIFEST).contains("name = \"my_service\""));
    let config = file(&format!("{TEMPLATE}/gateway.toml"));
    gateway_is_told(&all["gateway"], &config);
    let config: Value = toml::from_str(&config).expect("TOML");
    let listens = port(&field(&service["environment"], "LISTEN").clone()).to_owned();
    for upstream in config["upstream"].as_array().expect("upstreams") {
        let name = upstream["name"].as_str().expect("a name");
        assert_eq!(upstream["servers"][0], format!("http://{name}:{listens}"));
        assert!(names(all).contains(name), "{name}");
    }

    let databases = all["databases"]["environment"]["SERVICES"].as_str().expect("names");
    for (container, variable) in [(SERVICE, "DATABASE_URL"), ("gateway", "GATEWAY_DATABASE_URL")] {
        let url = all[container]["environment"][variable].as_str();
        let wanted =
            format!("postgres://{container}:{container}-development@postgres:5432/{container}");
        assert_eq!(url, Some(wanted.as_str()));
        assert!(databases.split(' ').any(|name| name == container), "{container}: {databases}");
    }
    for (name, container) in all.as_hash().expect("a mapping") {
        for volume in field(container, "volumes").as_vec().into_iter().flatten() {
            let from = volume.as_str().and_then(|text| text.split(':').next()).expect("a volume");
            match from.strip_prefix("./") {
                // Generated from the system's contracts.
                Some("broker/definitions.json") => {}
                Some(path) => {
                    assert!(root().join(TEMPLATE).join(path).exists(), "{name:?}: {path}");
                }
                None => assert!(names(&template["volumes"]).contains(from), "{name:?}: {from}"),
            }
        }
        for (other, how) in field(container, "depends_on").as_hash().into_iter().flatten() {
            let of = &all[other.as_str().expect("a name")];
            let is_checked = field(of, "healthcheck").as_hash().is_some();
            let waits = how["condition"].as_str().expect("a condition");
            assert_eq!(waits == "service_healthy", is_checked, "{name:?} waits for {other:?}");
        }
    }
}
