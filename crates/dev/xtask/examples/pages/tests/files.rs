//! Files that the containers' tests compare, and their declarations.

use std::collections::BTreeSet;
use std::fs;

use cart::config::CartSettings;
use clap::{Args as _, Command};
use common::cards::ProviderSettings;
use dispatch::config::DispatchSettings;
use location::config::LocationSettings;
use orders::config::OrderSettings;
use payments::config::PaymentSettings;
use playback::config::PlaybackSettings;
use serde_json::Value;
use shipping::config::CarrierSettings;
use yaml_rust2::{Yaml, YamlLoader};

use crate::root;
use crate::systems::SystemName;

const COMPOSE: &str = "compose.yaml";

pub(super) fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the workspace")
}

pub(super) fn compose() -> Yaml {
    let mut documents = YamlLoader::load_from_str(&file(COMPOSE)).expect("YAML");
    documents.pop().expect("one document")
}

/// A field of the mapping, or of a mapping that is merged into it.
pub(super) fn field<'a>(of: &'a Yaml, name: &str) -> &'a Yaml {
    let own = &of[name];
    if own.is_badvalue() && !of["<<"].is_badvalue() { field(&of["<<"], name) } else { own }
}

pub(super) fn names(of: &Yaml) -> BTreeSet<String> {
    let keys = of.as_hash().expect("a mapping").keys();
    keys.map(|key| key.as_str().expect("a name").to_owned()).collect()
}

pub(super) fn services(system: SystemName) -> Vec<&'static str> {
    system.describe().system.parts.iter().map(|part| part.service).collect()
}

pub(super) fn systems() -> impl Iterator<Item = SystemName> {
    SystemName::ALL.into_iter()
}

/// Every system has it. The shop's have no prefix.
pub(super) fn container_of(system: SystemName, name: &str) -> String {
    match system {
        SystemName::Shop => name.to_owned(),
        other => format!("{}-{name}", other.as_str()),
    }
}

pub(super) fn programs() -> BTreeSet<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = cargo.current_dir(root()).output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let programs = targets.filter(|target| target["kind"][0] == "bin");
    programs.filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect()
}

/// The variables besides the common ones. Paths on the host mean nothing in the container, so they are left out.
pub(super) fn own_settings(service: &str) -> Vec<String> {
    let command = Command::new("");
    let command = match service {
        "cart" => CartSettings::augment_args(command),
        "orders" => OrderSettings::augment_args(command),
        "playback" => PlaybackSettings::augment_args(command),
        "dispatch" => ProviderSettings::augment_args(DispatchSettings::augment_args(command)),
        "location" => LocationSettings::augment_args(command),
        "payments" => PaymentSettings::augment_args(command),
        "shipping" => CarrierSettings::augment_args(command),
        _ => command,
    };
    let names = command.get_arguments().filter_map(|setting| setting.get_env()?.to_str());
    names.filter(|name| !name.ends_with("_FILE")).map(str::to_owned).collect()
}
