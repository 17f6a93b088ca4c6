//! `compose.yaml`: every name exists, and each service has what its system declares.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::systems::SystemName;
use crate::tests::files::{
    compose, container_of, field, file, names, own_settings, services, systems,
};

/// The containers that exist once, however many systems there are.
const OTHERS: [&str; 3] = ["rabbitmq", "postgres", "ballet"];
/// Per system, besides its services. Only the gateway keeps running.
const OF_EACH: [&str; 5] = ["definitions", "databases", "image", "keys", GATEWAY];
const GATEWAY: &str = "gateway";

fn image(system: SystemName) -> String {
    format!("localhost/ballet-{}", system.as_str())
}

#[test]
fn every_service_has_a_container_and_a_user_of_the_broker() {
    let compose = compose();
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
