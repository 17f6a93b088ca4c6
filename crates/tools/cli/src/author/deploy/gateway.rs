//! The gateway: its config as it is in a cluster, with the documents of the services.

use std::fs;
use std::path::Path;

use anyhow::Result;
use ballet::core::System;
use ballet_check::topology_resources::{credentials, resource_name};
use serde_json::Value as Json;
use toml::{Table, Value};

use crate::author::deploy::manifests;
use crate::author::deploy::settings::Settings;
use crate::author::new::writing::NewFile;
use crate::base::exit::usage;
use crate::base::ui;

const GATEWAY: &str = include_str!("../../../templates/kubernetes/gateway.yaml");
/// Where the documents and the key set are: beside the config.
const HERE: &str = ".";
const KEYS: &str = "jwks.json";
const CONFIG: &str = "gateway.toml";
const KEYS_CA: &str = "jwt-ca.pem";
/// What one ConfigMap of the base has.
pub(super) const CONFIG_FILES: [&str; 2] = [CONFIG, KEYS_CA];

/// The gateway's own default.
const DRAIN: &str = "20s";

/// A service behind the gateway.
struct Upstream {
    name: String,
    is_documented: bool,
}

/// The manifests, the config, and the documents that it names.
pub(super) fn files(system: &System, settings: &Settings, folder: &Path) -> Result<Vec<NewFile>> {
    let file = folder.join(&settings.gateway);
    let text = fs::read_to_string(&file).map_err(|error| {
        usage(format!(
            "cannot read {}: {error}. `gateway` in overlay.toml names the gateway's config, and `ballet new \
             gateway` writes one",
            file.display()
        ))
    })?;
    let mut config: Table =
        toml::from_str(&text).map_err(|error| usage(format!("{}: {error}", file.display())))?;
    let upstreams = upstreams(system, &mut config, &file)?;
    let mut sources: Vec<String> = upstreams.iter().map(secret).collect();
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut files = documents(&mut config, &upstreams, beside)?;
    let names = files.iter().filter_map(|document| document_map(&document.path));
    sources.extend(names.map(|name| format!("configMap: {{name: {name}}}")));
    files.extend(keys_ca(&mut config, beside)?);
    let drain = drain_seconds(&mut config, &file)?;
    if set_for_cluster(&mut config, settings) {
        sources.push(format!(
            "secret: {{name: gateway-keys, items: [{{key: {KEYS}, path: {KEYS}}}]}}"
        ));
    }
    let sources: String = sources.iter().map(|one| format!("              - {one}\n")).collect();
    let host = settings.overlays.values().next().map_or("localhost", |first| first.host.as_str());
    let grace = manifests::grace(drain).to_string();
    let keys_port = keys_port(&config).map(|port| format!(", {{port: {port}}}"));
    let text = [
        ("BALLET_SOURCES\n", sources.as_str()),
        ("BALLET_GRACE_SECONDS", grace.as_str()),
        ("BALLET_KEYS_PORT", keys_port.as_deref().unwrap_or_default()),
        ("BALLET_HOST", host),
        ("BALLET_ISSUER", settings.issuer.as_str()),
        ("BALLET_GATEWAY_CLASS", settings.gateway_class.as_str()),
        ("BALLET_MONITORING", settings.monitoring.as_str()),
    ]
    .into_iter()
    .fold(GATEWAY.to_owned(), |text, (name, word)| text.replace(name, word));
    files.push(manifests::names(system).file("base/gateway.yaml", &text));
    files.push(NewFile { path: format!("base/{CONFIG}"), text: toml::to_string(&config)? });
    Ok(files)
}

/// The ConfigMap of the service whose document this file of the base is, if it is one. One of all documents would be
/// too big for some ways to apply it.
pub(super) fn document_map(file: &str) -> Option<String> {
    let (_, name) = file.strip_suffix(".json")?.rsplit_once("openapi/")?;
    Some(format!("openapi-{}", resource_name(name)))
}

/// The services behind the gateway, each now under its name in the cluster.
fn upstreams(system: &System, config: &mut Table, file: &Path) -> Result<Vec<Upstream>> {
    let mut found = Vec::new();
    let listed = config.get_mut("upstream").and_then(Value::as_array_mut);
    for upstream in listed.into_iter().flatten().filter_map(Value::as_table_mut) {
        let name = upstream.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !system.parts.iter().any(|part| part.service == name) {
            return Err(usage(format!(
                "{}: {} has no service {name:?}, so its address in a cluster is not known",
                file.display(),
                system.name
            )));
        }
        let server = format!("http://{}:8080", resource_name(&name));
        upstream.insert("servers".to_owned(), Value::Array(vec![server.into()]));
        let is_documented = upstream.get("documented").and_then(Value::as_bool) != Some(false);
        found.push(Upstream { name, is_documented });
    }
    Ok(found)
}

/// The secret with which the gateway signs its requests to a service, which has the same one.
fn secret(upstream: &Upstream) -> String {
    let (secret, path) = (credentials(&upstream.name), format!("secrets/{}", upstream.name));
    format!("secret: {{name: {secret}, items: [{{key: GATEWAY_SECRET, path: {path}}}]}}")
}

/// The services' documents, if the config names their folder.
fn documents(config: &mut Table, upstreams: &[Upstream], beside: &Path) -> Result<Vec<NewFile>> {
    let named = section(config, "openapi").and_then(|openapi| openapi.get_mut("documents"));
    let Some(named) = named else { return Ok(Vec::new()) };
    let folder = beside.join(named.as_str().unwrap_or_default());
    *named = HERE.into();
    let documented = upstreams.iter().filter(|upstream| upstream.is_documented);
    let document = |Upstream { name, .. }: &Upstream| -> Result<NewFile> {
        let file = folder.join(format!("{name}.json"));
        let wrong = |why: String| usage(format!("openapi.documents: {}: {why}", file.display()));
        let text = fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let document: Json =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        // Without its spaces: a ConfigMap is not big.
        Ok(NewFile { path: format!("base/openapi/{name}.json"), text: document.to_string() })
    };
    documented.map(document).collect()
}

/// The CAs of the address of the key set, if the config names their file.
fn keys_ca(config: &mut Table, beside: &Path) -> Result<Option<NewFile>> {
    let named = section(config, "jwt").and_then(|jwt| jwt.get_mut("ca_file"));
    let Some(named) = named else { return Ok(None) };
    let file = beside.join(named.as_str().unwrap_or_default());
    let text = fs::read_to_string(&file)
        .map_err(|error| usage(format!("jwt.ca_file: {}: {error}", file.display())))?;
    *named = KEYS_CA.into();
    Ok(Some(NewFile { path: format!("base/{KEYS_CA}"), text }))
}

/// The port of the key set's address, if that names one.
fn keys_port(config: &Table) -> Option<u16> {
    let (_, address) = config.get("jwt")?.get("keys")?.as_str()?.split_once("://")?;
    address.split('/').next()?.rsplit_once(':')?.1.parse().ok()
}

/// How long a stop lets requests end, in whole seconds. The config says it from now on, if it did not.
fn drain_seconds(config: &mut Table, file: &Path) -> Result<u32> {
    let timeouts = config.entry("timeouts").or_insert_with(|| Value::Table(Table::new()));
    let wrong = |why: String| usage(format!("{}: timeouts.drain: {why}", file.display()));
    let Some(timeouts) = timeouts.as_table_mut() else {
        return Err(wrong("timeouts is no table".to_owned()));
    };
    let drain = timeouts.entry("drain").or_insert_with(|| DRAIN.into());
    let time = ui::age(drain.as_str().unwrap_or_default()).map_err(wrong)?;
    let seconds = time.as_secs() + i64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).map_err(|_| wrong("it is too long".to_owned()))
}

/// Sets what is elsewhere in a cluster. Returns whether the key set of the tokens is a file.
fn set_for_cluster(config: &mut Table, settings: &Settings) -> bool {
    for name in ["listen", "signing"] {
        config.entry(name).or_insert_with(|| Value::Table(Table::new()));
    }
    let proxies = settings.proxies.iter().map(|proxy| Value::String(proxy.clone())).collect();
    set(config, "listen", "trusted_proxies", Value::Array(proxies));
    set(config, "signing", "secret", "file:secrets/{upstream}".into());
    set(config, "database", "url", "env:GATEWAY_DATABASE_URL".into());
    let keys = config.get("jwt").and_then(|jwt| jwt.get("keys")).and_then(Value::as_str);
    let is_file = keys.is_some_and(|keys| !keys.contains("://"));
    if is_file {
        set(config, "jwt", "keys", KEYS.into());
    }
    is_file
}

/// Sets a field of a section that is there.
fn set(config: &mut Table, name: &str, field: &str, value: Value) {
    if let Some(section) = section(config, name) {
        section.insert(field.to_owned(), value);
    }
}

fn section<'a>(config: &'a mut Table, name: &str) -> Option<&'a mut Table> {
    config.get_mut(name).and_then(Value::as_table_mut)
}
