//! What can be checked of the containers without an image: that the files name what there is.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::generate::compose::own_settings;
use crate::process::cargo;

const DOCKERFILE: &str = "crates/shop/system/Dockerfile";
/// What is not a service of the shop.
const OTHERS: [&str; 8] =
    ["rabbitmq", "postgres", "definitions", "databases", "image", "keys", "gateway", "ballet"];

fn file(path: &str) -> String {
    fs::read_to_string(cargo::root().join(path)).expect("a file of the workspace")
}

fn compose() -> Yaml {
    let mut documents = YamlLoader::load_from_str(&file(super::compose::FILE)).expect("YAML");
    documents.pop().expect("one document")
}

/// A field, from the mapping itself or from one that it is merged with.
fn field<'a>(of: &'a Yaml, name: &str) -> &'a Yaml {
    let own = &of[name];
    if own.is_badvalue() && !of["<<"].is_badvalue() { field(&of["<<"], name) } else { own }
}

fn names(of: &Yaml) -> BTreeSet<String> {
    let keys = of.as_hash().expect("a mapping").keys();
    keys.map(|key| key.as_str().expect("a name").to_owned()).collect()
}

fn services() -> Vec<&'static str> {
    shop::system().parts.iter().map(|part| part.service).collect()
}

fn programs() -> BTreeSet<String> {
    let metadata = cargo::metadata().expect("metadata");
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let programs = targets.filter(|target| target["kind"][0] == "bin");
    programs.filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect()
}

#[test]
fn whatever_goes_on_for_ever_is_started_again() {
    let compose = compose();
    for (name, container) in compose["services"].as_hash().expect("a mapping") {
        let once = ["definitions", "databases", "image", "keys"].map(Some);
        let expected = match name.as_str() {
            Some("ballet") => Some("no"),
            name if once.contains(&name) => None,
            _ => Some("unless-stopped"),
        };
        assert_eq!(field(container, "restart").as_str(), expected, "{name:?}");
    }
}

#[test]
fn every_service_has_a_container_and_a_user_of_the_broker() {
    let (compose, all) = (compose(), services());
    let wanted = all.iter().chain(&OTHERS).map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&compose["services"]), wanted);
    let definitions: Value =
        serde_json::from_str(&file("broker/definitions.json")).expect("definitions");
    let users = definitions["users"].as_array().expect("users");
    let vhost = definitions["vhosts"][0]["name"].as_str().expect("a virtual host");
    let databases = compose["services"]["databases"]["environment"]["NAMES"].as_str();
    let databases: Vec<_> = databases.expect("names").split(' ').collect();
    let programs = programs();
    for name in all {
        let service = &compose["services"][name];
        let variable = |name: &str| field(&service["environment"], name).as_str();
        let broker = format!("amqp://{name}:{name}-development@rabbitmq:5672/{vhost}");
        assert_eq!(variable("AMQP_URL"), Some(broker.as_str()));
        let database = format!("postgres://{name}:{name}-development@postgres:5432/{name}");
        assert_eq!(variable("DATABASE_URL"), Some(database.as_str()));
        assert!(users.iter().any(|user| user["name"] == name), "the broker has no user {name}");
        assert!(databases.contains(&name), "{name} has no database");
        assert_eq!(field(service, "command")[0].as_str(), Some(name));
        assert!(programs.contains(name), "there is no program {name}");
        assert_eq!(field(service, "image").as_str(), Some("localhost/ballet-shop"));
    }
    assert!(databases.contains(&"gateway"));
}

#[test]
fn a_setting_of_a_service_is_passed_on_and_one_that_is_not_set_stays_so() {
    let compose = compose();
    for name in services() {
        let environment = compose["services"][name]["environment"].as_hash().expect("variables");
        let passed = environment.iter().filter(|(_, value)| value.is_null());
        let passed: Vec<_> =
            passed.map(|(name, _)| name.as_str().expect("a name").to_owned()).collect();
        assert_eq!(passed, own_settings(name), "{name}");
        // An empty one is set, and a wrong setting ends a service.
        for (variable, value) in environment.iter().filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().unwrap_or_default();
            assert!(!value.is_empty() && !value.contains(":-}"), "{name}: {variable:?}");
        }
    }
    for wanted in ["PAYMENT_PROVIDER_URL", "PAYMENT_PROVIDER_KEY", "PAYMENT_WEBHOOK_SECRETS"] {
        assert!(own_settings("payments").iter().any(|name| name == wanted), "{wanted}");
    }
    for wanted in ["CARRIER_URL", "CARRIER_KEY", "CARRIER_WEBHOOK_SECRETS"] {
        assert!(own_settings("shipping").iter().any(|name| name == wanted), "{wanted}");
    }
}

#[test]
fn only_the_gateway_can_be_opened_to_others() {
    let compose = compose();
    for (name, service) in compose["services"].as_hash().expect("services") {
        let name = name.as_str().expect("a name");
        let ports = field(service, "ports").as_vec().cloned().unwrap_or_default();
        for port in ports.iter().map(|port| port.as_str().expect("a port")) {
            let may_be_opened = port.starts_with("${BALLET_SHOP_ADDRESS:-127.0.0.1}:");
            assert_eq!(may_be_opened, name == "gateway", "{name}: {port}");
            assert!(may_be_opened || port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let ours = field(service, "image").as_str() == Some("localhost/ballet-shop");
        let serves = ours && !["image", "keys", "ballet"].contains(&name);
        let is_read_only = field(service, "read_only").as_bool() == Some(true);
        assert_eq!(serves || name == "ballet", is_read_only, "{name}");
        let checked = field(service, "healthcheck").as_hash().is_some();
        assert_eq!(checked, serves || ["rabbitmq", "postgres"].contains(&name), "{name}");
    }
}

/// How long a container waits for the others: until each has this condition.
fn waits_for(compose: &Yaml, name: &str) -> Vec<(String, String)> {
    let waits = field(&compose["services"][name], "depends_on").as_hash().cloned();
    let text = |yaml: &Yaml| yaml.as_str().expect("a text").to_owned();
    let waits = waits.unwrap_or_default().into_iter();
    waits.map(|(name, how)| (text(&name), text(&how["condition"]))).collect()
}

#[test]
fn everything_starts_when_what_it_needs_is_healthy_or_done() {
    let compose = compose();
    let (healthy, done) = ("service_healthy", "service_completed_successfully");
    let waits = |name: &str, for_: &str, condition: &str| {
        let waits = waits_for(&compose, name);
        let is_there = waits.iter().any(|(of, how)| of == for_ && how == condition);
        assert!(is_there, "{name} does not wait for {for_}: {waits:?}");
    };
    waits("definitions", "rabbitmq", healthy);
    waits("databases", "postgres", healthy);
    for service in services() {
        waits(service, "definitions", done);
        waits(service, "databases", done);
        waits("gateway", service, healthy);
    }
    waits("gateway", "keys", done);
    // Whoever is waited for says when it is healthy, or ends.
    for (name, container) in compose["services"].as_hash().expect("a mapping") {
        for (other, how) in waits_for(&compose, name.as_str().expect("a name")) {
            let of = &compose["services"][other.as_str()];
            let is_checked = field(of, "healthcheck").as_hash().is_some();
            assert_eq!(how == healthy, is_checked, "{name:?} waits for {other} to be {how}");
            assert_eq!(how == done, field(of, "restart").is_badvalue(), "{other}");
        }
        // Without a list of registries podman resolves whole names only.
        if let Some(image) = field(container, "image").as_str() {
            let is_whole = image.starts_with("docker.io/") || image.starts_with("localhost/");
            assert!(is_whole, "{name:?}: {image}");
        }
    }
}

#[test]
fn the_command_is_in_the_image_with_the_three_addresses() {
    let compose = compose();
    let ballet = &compose["services"]["ballet"];
    assert_eq!(ballet["entrypoint"][0].as_str(), Some("ballet"));
    let variable = |name: &str| ballet["environment"][name].as_str().expect("an address");
    for (name, begin, end) in [
        ("AMQP_URL", "amqp://ops:", "@rabbitmq:5672/shop"),
        ("DATABASE_URL", "postgres://ops:", "@postgres:5432/{service}"),
        ("RABBITMQ_MANAGEMENT_URL", "http://ops:", "@rabbitmq:15672"),
    ] {
        let address = variable(name);
        assert!(address.starts_with(begin) && address.ends_with(end), "{name}: {address}");
    }
    let text = file(DOCKERFILE);
    assert!(text.contains("--package ballet-cli") && programs().contains("ballet"), "{text}");
    let contracts = "COPY docs/contracts/shop /etc/ballet/contracts";
    assert!(text.contains(contracts) && text.contains("BALLET_CONTRACTS=/etc/ballet/contracts"));
    for service in services() {
        let contract = format!("docs/contracts/shop/{service}.json");
        assert!(cargo::root().join(&contract).exists(), "{contract}");
    }
}

#[test]
fn the_gateway_finds_every_service_where_compose_puts_it() {
    let (compose, config) = (compose(), file("crates/gateway/shop.toml"));
    let config: Value = toml::from_str(&config).expect("TOML");
    for upstream in config["upstream"].as_array().expect("upstreams") {
        let name = upstream["name"].as_str().expect("a name");
        assert_eq!(upstream["servers"][0], format!("http://{name}:8080"));
        let listen = compose["services"][name]["environment"]["LISTEN"].as_str();
        assert_eq!(listen, Some("0.0.0.0:8080"), "{name}");
    }
    // From `/etc/gateway` the way up is as long as from the file's folder in the workspace.
    let documents = config["openapi"]["documents"].as_str().expect("a folder");
    let documents = documents.strip_prefix("../..").expect("a folder of the workspace");
    let mounted = format!(".{documents}:{documents}:ro,z");
    let volumes = compose["services"]["gateway"]["volumes"].as_vec().expect("volumes");
    assert!(volumes.iter().any(|volume| volume.as_str() == Some(mounted.as_str())), "{mounted}");
}

#[test]
fn the_image_is_made_of_what_there_is() {
    let (text, compose, programs) = (file(DOCKERFILE), compose(), programs());
    let build = &compose["services"]["image"]["build"];
    assert_eq!(build["dockerfile"].as_str(), Some(DOCKERFILE));
    assert_eq!(build["args"]["SERVICES"].as_str(), Some(services().join(" ").as_str()));
    assert!(text.contains("--package gateway") && programs.contains("ballet-gateway"), "{text}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = text.lines().map(words).filter(|line| !line.is_empty()).collect();
    let stages: Vec<_> = lines.iter().filter(|line| line[0] == "FROM").collect();
    assert!(stages.len() == 2 && stages[0][2..] == ["AS", "build"], "{stages:?}");
    for copy in lines.iter().filter(|line| line[0] == "COPY") {
        let sources = copy[1..copy.len() - 1].iter().filter(|word| !word.starts_with("--chmod"));
        for source in sources {
            match source.strip_prefix("--from=") {
                Some(stage) => assert_eq!(stage, "build"),
                // What a stage has made.
                None if copy[1].starts_with("--from=") => assert_eq!(source, "/programs/"),
                None => assert!(cargo::root().join(source).exists(), "{source}"),
            }
        }
    }
    let user = lines.iter().rfind(|line| line[0] == "USER");
    assert!(user.is_some_and(|user| !user[1].starts_with('0')), "it runs as root");
}
