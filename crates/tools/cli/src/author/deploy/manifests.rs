//! The base: what is the same wherever the system runs.

use ballet::core::{Part, Runs, System};
use ballet_check::topology_resources::{self, credentials, resource_name};
use serde_json::json;

use crate::author::deploy::indented;
use crate::author::deploy::service_template::{OWN_SETTINGS, SERVICE};
use crate::author::deploy::settings::Settings;
use crate::author::new::writing::{NewFile, Replacements};

const OUTSIDE: &str = include_str!("../../../templates/kubernetes/outside.yaml");
const RABBITMQ: &str = include_str!("../../../templates/kubernetes/rabbitmq.yaml");
const RABBITMQ_CONF: &str = include_str!("../../../templates/kubernetes/rabbitmq.conf");
const POSTGRES: &str = include_str!("../../../templates/kubernetes/postgres.yaml");
const DATABASE: &str = include_str!("../../../templates/kubernetes/database.yaml");
const CONSOLE: &str = include_str!("../../../templates/kubernetes/console.yaml");
const JOBS: &str = include_str!("../../../templates/kubernetes/jobs.yaml");
const ALARMS: &str = include_str!("../../../templates/kubernetes/alarms.yml");
const SECRETS: &str = include_str!("../../../templates/kubernetes/secrets.sh");

/// The gateway's user at Postgres, and its database.
const GATEWAY: &str = "gateway";
/// How long a stop serves new connections: SHUTDOWN_DELAY_SECONDS and GATEWAY_SHUTDOWN_DELAY in the templates.
const SHUTDOWN_DELAY: u32 = 15;
/// The time beyond a stop's own after which a pod is killed.
const MARGIN: u32 = 15;

/// The time after which a pod is killed that may drain for so many seconds.
pub(super) fn grace(drain: u32) -> u32 {
    drain.saturating_add(SHUTDOWN_DELAY + MARGIN)
}

/// The system's name, in words and as Kubernetes takes it.
pub(super) fn names(system: &System) -> Replacements {
    let service = system.parts.first().map_or("orders", |part| part.service);
    Replacements(vec![
        ("my_service", service.to_owned()),
        ("my_system", system.name.to_owned()),
        ("my-system", resource_name(system.name)),
    ])
}

/// All files but the gateway's.
pub(super) fn files(system: &System, settings: &Settings) -> Vec<NewFile> {
    let services = system.parts.iter().map(|part| service(system, part, settings));
    let words = names(system);
    let alarms = format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: ballet}}\nspec:\n{}",
        indented(ALARMS, 2)
    );
    let topology = NewFile {
        path: "base/topology.yaml".to_owned(),
        text: topology_resources::text_of(system),
    };
    let own = [
        words.file(
            "base/rabbitmq.yaml",
            &RABBITMQ.replace("BALLET_RABBITMQ_CONF\n", &indented(RABBITMQ_CONF, 6)),
        ),
        NewFile { path: "base/postgres.yaml".to_owned(), text: postgres(system) },
        words.file("base/console.yaml", CONSOLE),
        words.file("base/jobs.yaml", JOBS),
        NewFile { path: "base/alarms.yaml".to_owned(), text: alarms },
        words.file("secrets.sh", &SECRETS.replace("BALLET_USERS", &users(system).join(" "))),
        topology,
    ];
    services.chain(own).collect()
}

fn service(system: &System, part: &Part, settings: &Settings) -> NewFile {
    let (of, env) = settings.of(part.service);
    // In YAML a string of JSON is quoted right.
    let variable = |(name, value): (&String, &String)| {
        format!("            - {{name: {}, value: {}}}\n", json!(name), json!(value))
    };
    let mut steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let calls = steps.any(|step| step.runs == Runs::CallsOutside);
    // A stop keeps a quarter of it for what is still to be published.
    let drain = of.handler_seconds + of.handler_seconds.div_ceil(3);
    let words = Replacements(vec![
        (OWN_SETTINGS, env.iter().map(variable).collect()),
        ("BALLET_OUTSIDE\n", if calls { OUTSIDE.to_owned() } else { String::new() }),
        ("BALLET_GRACE_SECONDS", grace(drain).to_string()),
        ("BALLET_HANDLER_TIME", of.handler_seconds.to_string()),
        ("BALLET_DRAIN_TIME", drain.to_string()),
        ("BALLET_SECONDS_BEHIND", of.seconds_behind.to_string()),
        ("BALLET_CPU", of.cpu),
        ("BALLET_MEMORY", of.memory),
        ("BALLET_MONITORING", settings.monitoring.clone()),
        ("BALLET_PROMETHEUS", settings.prometheus.clone()),
        ("my_service", part.service.to_owned()),
        ("my-service", resource_name(part.service)),
        ("my_system", system.name.to_owned()),
        ("my-system", resource_name(system.name)),
    ]);
    words.file("base/my-service.yaml", SERVICE)
}

/// The cluster with a role for each service and for the gateway, and their databases.
fn postgres(system: &System) -> String {
    let services: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
    let owners: Vec<&str> = services.iter().copied().chain([GATEWAY]).collect();
    let role = |name: &&str| {
        let secret = credentials(name);
        format!("      - {{name: {name}, login: true, passwordSecret: {{name: {secret}}}}}\n")
    };
    let database = |name: &&str| {
        let words = vec![("my_service", (*name).to_owned()), ("my-service", resource_name(name))];
        Replacements(words).fill(DATABASE)
    };
    let cluster = POSTGRES.replace("BALLET_ROLES", &services.join(", "));
    let roles: String = owners.iter().map(role).collect();
    let mut text = cluster.replace("BALLET_MANAGED\n", &roles);
    text.extend(owners.iter().map(database));
    text
}

/// Everybody with a password: at the broker, at Postgres, or at both.
fn users(system: &System) -> Vec<String> {
    topology_resources::users(system).into_iter().chain([GATEWAY.to_owned()]).collect()
}
