//! `ballet new trials`, `gateway` and `ci`: what a project gets on demand.

use std::path::Path;

use anyhow::Result;
use ballet::core::{Part, System};

use crate::author::new::dependency::{Dependency, folder};
use crate::author::new::workspace;
use crate::author::new::writing::{self, NewFile, Replacements};
use crate::base::exit::{ExitStatus, usage};
use crate::base::systems::contracts;
use crate::base::ui;

/// The path is in the project.
type Template = (&'static str, &'static str);

macro_rules! templates {
    ($($path:literal = $template:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../templates/", $template)))),+]
    };
}

const TRIALS: &[Template] = templates! {
    "trials/Cargo.toml" = "trials/manifest.toml",
    "trials/src/audit.rs" = "trials/src/audit.rs",
    "trials/src/main.rs" = "trials/src/main.rs",
};
const GATEWAY: &[Template] = templates! {
    ".dockerignore" = "gateway/dockerignore",
    "broker/rabbitmq.conf" = "gateway/broker/rabbitmq.conf",
    "containers.yaml" = "gateway/containers.yaml",
    "deploy/Dockerfile" = "gateway/deploy/Dockerfile",
    "deploy/databases.sh" = "gateway/deploy/databases.sh",
    "deploy/ready" = "gateway/deploy/ready",
    "gateway.toml" = "gateway/gateway.toml",
    "keys/.gitignore" = "gateway/keys.gitignore",
};
const CI: &[Template] = templates! {
    ".ci/run" = "ci/run",
    "clippy.toml" = "ci/clippy.toml",
};
/// Further words follow the alias.
const ALIAS: &str = "# `cargo ballet chaos` and its like call this.\n\
    trials = [\"run\", \"--quiet\", \"--package\", \"trials\", \"--features\", \"faults\", \"--\"]\n";

/// Its program is in the image.
pub(super) const GATEWAY_PACKAGE: &str = "ballet-gateway";

pub(super) fn trials() -> Result<ExitStatus> {
    let place = Project::here()?;
    writing::write(place.root, &place.files(TRIALS, Vec::new()))?;
    workspace::join(place.root, "trials")?;
    workspace::insert(place.root, ".cargo/config.toml", "[alias]\n", ALIAS)?;
    for name in place.other_services() {
        let beside = workspace::place(place.root, place.system.name, name);
        workspace::enter_trials(place.root, &beside, name)?;
    }
    writing::lock(place.root);
    place.ended(
        "cargo ballet demo                # the system at work\n  \
         cargo ballet chaos --minutes 5   # and under faults",
    )
}

pub(super) fn gateway() -> Result<ExitStatus> {
    let place = Project::here()?;
    let dependency = Dependency::of_project(place.root)?;
    let (copy, context) = dependency.in_container();
    let words = vec![
        ("BALLET_INSTALL", dependency.install(GATEWAY_PACKAGE, &folder(GATEWAY_PACKAGE))),
        ("BALLET_COPY\n", copy),
        ("BALLET_CONTEXT\n", context),
    ];
    let mut files = place.files(GATEWAY, words);
    files.push(writing::definitions(place.system));
    writing::write(place.root, &files)?;
    for name in place.other_services() {
        workspace::enter_containers(place.root, place.system.name, name)?;
    }
    place.ended(
        "docker compose --file containers.yaml --profile build build\n  \
         docker compose --file containers.yaml up --wait",
    )
}

pub(super) fn ci() -> Result<ExitStatus> {
    let place = Project::here()?;
    let services: Vec<&str> = place.system.parts.iter().map(|part| part.service).collect();
    let files = place.files(CI, vec![("ALL_SERVICES", services.join(" "))]);
    writing::write(place.root, &files)?;
    place.ended(".ci/run")
}

struct Project {
    system: &'static System,
    root: &'static Path,
    /// Its package is the root's.
    service: &'static str,
}

impl Project {
    fn here() -> Result<Self> {
        let contracts = contracts()?;
        let (system, root) = (contracts.system(), workspace::root(contracts.folder())?);
        let manifest = workspace::manifest(root)?;
        let names =
            |part: &&Part| manifest.contains(&format!("[package]\nname = \"{}\"\n", part.service));
        match system.parts.iter().find(names) {
            Some(part) => Ok(Self { system, root, service: part.service }),
            None => Err(usage(format!(
                "{} is no project that `ballet new` has begun: a service of {} is its first package there",
                root.display(),
                system.name
            ))),
        }
    }

    fn files(
        &self,
        templates: &[Template],
        mut words: Vec<(&'static str, String)>,
    ) -> Vec<NewFile> {
        words.push(("my_service", self.service.to_owned()));
        words.push(("my_system", self.system.name.to_owned()));
        let words = Replacements(words);
        templates.iter().map(|(path, template)| words.file(path, template)).collect()
    }

    fn other_services(&self) -> impl Iterator<Item = &'static str> {
        let services = self.system.parts.iter().map(|part| part.service);
        services.filter(|name| *name != self.service)
    }

    fn ended(&self, next: &str) -> Result<ExitStatus> {
        ui::say(&format!("\nnext, in {}:\n  {next}", self.root.display()));
        Ok(ExitStatus::All)
    }
}
