//! The kustomizations: the base, and what differs in each place.

use ballet::core::System;
use ballet_check::topology_resources::resource_name;
use serde_json::{Value, json};

use crate::author::deploy::gateway::{CONFIG_FILES, document_map};
use crate::author::deploy::settings::{Overlay, Settings};
use crate::author::new::writing::NewFile;

const HEADER: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
/// The connections of a service's process by default: DATABASE_CONNECTIONS.
const CONNECTIONS: u32 = 12;
/// Those of the gateway: `connections` of its database.
const GATEWAY_CONNECTIONS: u32 = 8;
/// For operators' tools, the console, and Postgres' own.
const MORE_CONNECTIONS: u32 = 60;

/// The base's kustomization, of these of its files.
pub(super) fn base(files: &[&str]) -> NewFile {
    let (mut resources, mut maps, mut config) = (String::new(), String::new(), Vec::new());
    let map = |name: &str, files: &str| format!("  - {{name: {name}, files: [{files}]}}\n");
    for file in files {
        match document_map(file) {
            Some(name) => maps += &map(&name, file),
            None if CONFIG_FILES.contains(file) => config.push(*file),
            None => resources += &format!("  - {file}\n"),
        }
    }
    maps += &map("gateway-config", &config.join(", "));
    let text = format!("{HEADER}resources:\n{resources}configMapGenerator:\n{maps}");
    NewFile { path: "base/kustomization.yaml".to_owned(), text }
}

pub(super) fn files(system: &System, settings: &Settings) -> Vec<NewFile> {
    let overlay = |(name, overlay): (&String, &Overlay)| NewFile {
        path: format!("overlays/{name}/kustomization.yaml"),
        text: kustomization(system, name, overlay),
    };
    settings.overlays.iter().map(overlay).collect()
}

fn kustomization(system: &System, environment: &str, overlay: &Overlay) -> String {
    let Overlay { namespace, host, image, tag, gateways, broker, postgres, .. } = overlay;
    let mut text = format!("{HEADER}namespace: {namespace}\nresources: [../../base]\nimages:\n");
    text += &format!(
        "  - {{name: {}, newName: {}, newTag: {}}}\n",
        resource_name(system.name),
        json!(image),
        json!(tag)
    );
    text += &format!("replicas:\n  - {{name: gateway, count: {gateways}}}\npatches:\n");
    text += &patch(
        "RabbitmqCluster",
        "rabbitmq",
        &[
            ("/spec/replicas", json!(broker.nodes)),
            ("/spec/persistence/storage", json!(broker.storage)),
        ],
    );
    text += &patch(
        "Cluster",
        "postgres",
        &[
            ("/spec/instances", json!(postgres.instances)),
            ("/spec/storage/size", json!(postgres.storage)),
            ("/spec/postgresql/parameters/max_connections", json!(connections(system, overlay))),
        ],
    );
    text += &patch("Certificate", "gateway", &[("/spec/dnsNames/0", json!(host))]);
    text += &patch("Gateway", "gateway", &[("/spec/listeners/0/hostname", json!(host))]);
    text += &patch("HTTPRoute", "gateway", &[("/spec/hostnames/0", json!(host))]);
    for part in &system.parts {
        let name = resource_name(part.service);
        let variable = "/spec/template/spec/containers/0/env/0/value";
        text += &patch("Deployment", &name, &[(variable, json!(environment))]);
        let [fewest, most] = overlay.pods(part.service);
        let query = format!(
            "max(ballet_queue_behind_seconds{{namespace=\"{namespace}\",job=\"{}\"}})",
            part.service
        );
        text += &patch(
            "ScaledObject",
            &name,
            &[
                ("/spec/minReplicaCount", json!(fewest)),
                ("/spec/maxReplicaCount", json!(most)),
                ("/spec/fallback/replicas", json!(fewest)),
                ("/spec/triggers/0/metadata/query", json!(query)),
            ],
        );
    }
    text
}

/// All processes of all services, and a rolling update of one of them.
fn connections(system: &System, overlay: &Overlay) -> String {
    let pods = system.parts.iter().map(|part| overlay.pods(part.service)[1]);
    let pods = pods.clone().sum::<u32>() + pods.max().unwrap_or(0);
    (pods * CONNECTIONS + overlay.gateways * 2 * GATEWAY_CONNECTIONS + MORE_CONNECTIONS).to_string()
}

/// Replaces values of one resource. In YAML a value of JSON is quoted right.
fn patch(kind: &str, name: &str, values: &[(&str, Value)]) -> String {
    let value = |(path, value): &(&str, Value)| {
        format!("      - {{op: replace, path: {path}, value: {value}}}\n")
    };
    let values: String = values.iter().map(value).collect();
    format!("  - target: {{kind: {kind}, name: {name}}}\n    patch: |-\n{values}")
}
