//! `compose.yaml` and the Dockerfile: every name exists, and each service has what its system declares.

use std::collections::BTreeSet;

use serde_json::Value;
use yaml_rust2::Yaml;

use crate::root;
use crate::systems::SystemName;
use crate::tests::files::{
    compose, container_of, field, file, names, own_settings, programs, services, systems,
};

const DOCKERFILE: &str = "crates/dev/xtask/Dockerfile";
/// The containers that exist once, however many systems there are.
const OTHERS: [&str; 3] = ["rabbitmq", "postgres", "ballet"];
/// Per system, besides its services. Only the gateway keeps running.
const OF_EACH: [&str; 5] = ["definitions", "databases", "image", "keys", GATEWAY];
const GATEWAY: &str = "gateway";

fn image(system: SystemName) -> String {
    format!("localhost/ballet-{}", system.as_str())
}

#[test]
fn whatever_goes_on_for_ever_is_started_again() {
    let compose = compose();
    for (name, container) in compose["services"].as_hash().expect("a mapping") {
        let once: Vec<String> = systems()
            .flat_map(|system| OF_EACH[..4].iter().map(move |name| container_of(system, name)))
            .collect();
        let expected = match name.as_str() {
            Some("ballet") => Some("no"),
            Some(name) if once.iter().any(|once| once == name) => None,
            _ => Some("unless-stopped"),
        };
        assert_eq!(field(container, "restart").as_str(), expected, "{name:?}");
    }
}

#[test]
fn every_service_has_a_container_and_a_user_of_the_broker() {
    let (compose, programs) = (compose(), programs());
    let of_systems = systems().flat_map(|system| {
        let own = OF_EACH.iter().map(move |name| container_of(system, name));
        own.chain(services(system).into_iter().map(str::to_owned))
    });
    let wanted: BTreeSet<String> =
        of_systems.chain(OTHERS.iter().map(|name| (*name).to_owned())).collect();
    assert_eq!(names(&compose["services"]), wanted);
    let volumes = names(&compose["volumes"]);
    for system in systems() {
        let definitions: Value =
            serde_json::from_str(&file(&system.definitions())).expect("definitions");
        let users = definitions["users"].as_array().expect("users");
        for name in services(system) {
            assert!(users.iter().any(|user| user["name"] == name), "the broker has no user {name}");
            assert!(programs.contains(name), "there is no program {name}");
        }
        let keys = container_of(system, "keys");
        assert!(volumes.contains(&keys), "the volume of the keys is missing: {volumes:?}");
    }
}

#[test]
fn a_service_has_the_image_the_addresses_and_the_secret_of_its_system() {
    let compose = compose();
    for system in systems() {
        let (vhost, names) = (system.as_str(), services(system).join(" "));
        let of = |name: &str| &compose["services"][container_of(system, name).as_str()];
        let arguments = &of("image")["build"]["args"];
        assert_eq!(arguments["SYSTEM"].as_str(), Some(vhost));
        assert_eq!(arguments["SERVICES"].as_str(), Some(names.as_str()));
        let databases = of("databases")["environment"]["SERVICES"].as_str();
        let own = container_of(system, GATEWAY).replace('-', "_");
        assert_eq!(databases, Some(format!("{names} {own}").as_str()));
        let mounted = format!("./{}:/definitions.json:ro,z", system.definitions());
        let volumes = of("definitions")["volumes"].as_vec().expect("volumes");
        assert!(volumes.iter().any(|volume| volume.as_str() == Some(&mounted)), "{mounted}");
        let gateway = &of(GATEWAY)["environment"];
        let database = format!("postgres://{own}:{own}-development@postgres:5432/{own}");
        assert_eq!(gateway["GATEWAY_DATABASE_URL"].as_str(), Some(database.as_str()));
        for name in OF_EACH[2..].iter().map(|name| container_of(system, name)) {
            assert_eq!(compose["services"][name.as_str()]["image"].as_str(), Some(&*image(system)));
        }
        for name in services(system) {
            let service = &compose["services"][name];
            assert_eq!(service["image"].as_str(), Some(&*image(system)), "{name}");
            assert_eq!(service["profiles"][0].as_str(), Some(vhost), "{name}");
            assert_eq!(service["command"][0].as_str(), Some(name));
            let secret = &service["environment"]["GATEWAY_SECRET"];
            assert_eq!(secret, &gateway[format!("GATEWAY_SECRET_{name}").as_str()], "{name}");
            for (variable, address) in [
                ("AMQP_URL", format!("amqp://{name}:{name}-development@rabbitmq:5672/{vhost}")),
                (
                    "DATABASE_URL",
                    format!("postgres://{name}:{name}-development@postgres:5432/{name}"),
                ),
            ] {
                assert_eq!(service["environment"][variable].as_str(), Some(&*address), "{name}");
            }
        }
    }
}

#[test]
fn a_setting_of_a_service_is_passed_on_and_one_that_is_not_set_stays_so() {
    let compose = compose();
    for name in systems().flat_map(services) {
        let environment = compose["services"][name]["environment"].as_hash().expect("variables");
        let passed = environment.iter().filter(|(_, value)| value.is_null());
        let passed: Vec<_> =
            passed.map(|(name, _)| name.as_str().expect("a name").to_owned()).collect();
        assert_eq!(passed, own_settings(name), "{name}");
        // A variable without a value is still set, and a wrong setting ends a service.
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
fn what_systems_have_on_the_same_servers_has_a_name_of_its_own() {
    let compose = compose();
    let mut taken = BTreeSet::new();
    for system in systems() {
        let definitions: Value =
            serde_json::from_str(&file(&system.definitions())).expect("definitions");
        let all = |list: &str| definitions[list].as_array().cloned().unwrap_or_default();
        let name = |one: &Value| one["name"].as_str().expect("a name").to_owned();
        // Operators and their tools have rights in each virtual host.
        let is_own =
            |user: &String| !["ops", "tap", "redrive", "topology"].contains(&user.as_str());
        let users = all("users").iter().map(name).filter(is_own).collect::<Vec<_>>();
        let hosts: Vec<_> = all("vhosts").iter().map(name).collect();
        let [host] = &hosts[..] else { panic!("{system:?} has the virtual hosts {hosts:?}") };
        for list in ["exchanges", "queues", "bindings", "policies", "permissions"] {
            for one in all(list) {
                assert_eq!(one["vhost"].as_str(), Some(host.as_str()), "{list}: {one}");
            }
        }
        let of = |name: &str| &compose["services"][container_of(system, name).as_str()];
        let databases = of("databases")["environment"]["SERVICES"].as_str().expect("names");
        let port = of(GATEWAY)["ports"][0].as_str().expect("a port");
        let port = port.split(":-").last().expect("a port");
        let named = [("user", users), ("virtual host", hosts), ("port", vec![port.to_owned()])];
        let databases = databases.split(' ').map(str::to_owned).collect();
        for (what, names) in named.into_iter().chain([("database", databases)]) {
            for name in names {
                assert!(taken.insert((what, name.clone())), "two systems have the {what} {name}");
            }
        }
    }
}

#[test]
fn only_the_gateway_can_be_opened_to_others() {
    let compose = compose();
    for (name, service) in compose["services"].as_hash().expect("services") {
        let name = name.as_str().expect("a name");
        let ports = field(service, "ports").as_vec().cloned().unwrap_or_default();
        for port in ports.iter().map(|port| port.as_str().expect("a port")) {
            let may_be_opened = systems().any(|system| {
                let variable = format!("BALLET_{}_ADDRESS", system.as_str().to_uppercase());
                port.starts_with(&format!("${{{variable}:-127.0.0.1}}:"))
            });
            let is_gateway = systems().any(|system| name == container_of(system, GATEWAY));
            assert_eq!(may_be_opened, is_gateway, "{name}: {port}");
            assert!(may_be_opened || port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let built = field(service, "image").as_str().unwrap_or_default();
        let ours = systems().any(|system| built == image(system));
        let serves = ours && !["image", "keys", "ballet"].iter().any(|end| name.ends_with(end));
        let is_read_only = field(service, "read_only").as_bool() == Some(true);
        assert_eq!(serves || name == "ballet", is_read_only, "{name}");
        let checked = field(service, "healthcheck").as_hash().is_some();
        assert_eq!(checked, serves || ["rabbitmq", "postgres"].contains(&name), "{name}");
    }
}

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
    for system in systems() {
        let [definitions, databases, _, keys, gateway] =
            OF_EACH.map(|name| container_of(system, name));
        waits(&definitions, "rabbitmq", healthy);
        waits(&databases, "postgres", healthy);
        for service in services(system) {
            waits(service, &definitions, done);
            waits(service, &databases, done);
            waits(&gateway, service, healthy);
        }
        waits(&gateway, &keys, done);
    }
    // If others wait for it.
    for (name, container) in compose["services"].as_hash().expect("a mapping") {
        for (other, how) in waits_for(&compose, name.as_str().expect("a name")) {
            let of = &compose["services"][other.as_str()];
            let is_checked = field(of, "healthcheck").as_hash().is_some();
            assert_eq!(how == healthy, is_checked, "{name:?} waits for {other} to be {how}");
            assert_eq!(how == done, field(of, "restart").is_badvalue(), "{other}");
        }
        // Without a list of registries podman resolves only full names.
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
    let contracts = "COPY docs/contracts/${SYSTEM} /etc/ballet/contracts";
    assert!(text.contains(contracts) && text.contains("BALLET_CONTRACTS=/etc/ballet/contracts"));
    for system in systems() {
        for service in services(system) {
            let contract = format!("docs/contracts/{}/{service}.json", system.as_str());
            assert!(root().join(&contract).exists(), "{contract}");
        }
    }
}

#[test]
fn a_gateway_finds_every_service_where_compose_puts_it() {
    systems().for_each(gateway_of);
}

fn gateway_of(system: SystemName) {
    let (compose, config) = (compose(), file(&system.gateway()));
    let config: Value = toml::from_str(&config).expect("TOML");
    for upstream in config["upstream"].as_array().expect("upstreams") {
        let name = upstream["name"].as_str().expect("a name");
        assert_eq!(upstream["servers"][0], format!("http://{name}:8080"));
        let listen = compose["services"][name]["environment"]["LISTEN"].as_str();
        assert_eq!(listen, Some("0.0.0.0:8080"), "{name}");
    }
    // `/etc/gateway` is as deep as the file's folder in the workspace.
    let documents = config["openapi"]["documents"].as_str().expect("a folder");
    let documents = documents.strip_prefix("../../..").expect("a folder of the workspace");
    let mounted = format!(".{documents}:{documents}:ro,z");
    let gateway = &compose["services"][container_of(system, GATEWAY).as_str()];
    let volumes = gateway["volumes"].as_vec().expect("volumes");
    assert!(volumes.iter().any(|volume| volume.as_str() == Some(mounted.as_str())), "{mounted}");
}

#[test]
fn the_image_is_made_of_what_there_is() {
    let (text, programs) = (file(DOCKERFILE), programs());
    assert!(
        text.contains("--package ballet-gateway") && programs.contains("ballet-gateway"),
        "{text}"
    );
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = text.lines().map(words).filter(|line| !line.is_empty()).collect();
    let stages: Vec<_> = lines.iter().filter(|line| line[0] == "FROM").collect();
    assert!(stages.len() == 2 && stages[0][2..] == ["AS", "build"], "{stages:?}");
    for copy in lines.iter().filter(|line| line[0] == "COPY") {
        let sources = copy[1..copy.len() - 1].iter().filter(|word| !word.starts_with("--chmod"));
        for source in sources {
            match source.strip_prefix("--from=") {
                Some(stage) => assert_eq!(stage, "build"),
                // Built by an earlier stage.
                None if copy[1].starts_with("--from=") => assert_eq!(source, "/programs/"),
                None => {
                    for system in systems() {
                        let source = source.replace("${SYSTEM}", system.as_str());
                        assert!(root().join(&source).exists(), "{source}");
                    }
                }
            }
        }
    }
    let user = lines.iter().rfind(|line| line[0] == "USER");
    assert!(user.is_some_and(|user| !user[1].starts_with('0')), "it runs as root");
}
