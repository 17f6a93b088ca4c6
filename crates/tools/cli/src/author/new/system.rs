//! `ballet new system`: a workspace with one service that owns a saga, with its door, its trials and tests.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ballet_check::Contracts;

use crate::author::new::dependency::{Dependency, folder, whole};
use crate::author::new::names;
use crate::author::new::writing::{self, NewFile, Replacements};
use crate::base::exit::{ExitStatus, usage};
use crate::base::ui;

macro_rules! template {
    ($path:literal, $template:literal) => {
        ($path, include_str!(concat!("../../../templates/system/", $template)))
    };
}

/// The files of a workspace.
const TEMPLATES: [(&str, &str); 26] = [
    template!("Cargo.toml", "manifest.toml"),
    template!("clippy.toml", "clippy.toml"),
    template!("README.md", "README.md"),
    template!(".gitignore", "gitignore"),
    template!(".dockerignore", "dockerignore"),
    template!(".cargo/config.toml", "cargo/config.toml"),
    template!(".ci/run", "ci/run"),
    template!("broker/rabbitmq.conf", "broker/rabbitmq.conf"),
    template!("compose.yaml", "compose.yaml"),
    template!("gateway.toml", "gateway.toml"),
    template!("deploy/Dockerfile", "deploy/Dockerfile"),
    template!("deploy/databases.sh", "deploy/databases.sh"),
    template!("deploy/ready", "deploy/ready"),
    template!("command/Cargo.toml", "command/manifest.toml"),
    template!("command/src/main.rs", "command/main.rs"),
    template!("contracts/my_system/my_service.json", "service/contract.json"),
    template!("services/my_service/Cargo.toml", "service/manifest.toml"),
    template!("services/my_service/src/events.rs", "service/src/events.rs"),
    template!("services/my_service/src/http.rs", "service/src/http.rs"),
    template!("services/my_service/src/lib.rs", "service/src/lib.rs"),
    template!("services/my_service/src/main.rs", "service/src/main.rs"),
    template!("services/my_service/src/steps.rs", "service/src/steps.rs"),
    template!("services/my_service/tests/my_service.rs", "service/tests/my_service.rs"),
    template!("trials/Cargo.toml", "trials/manifest.toml"),
    template!("trials/src/audit.rs", "trials/src/audit.rs"),
    template!("trials/src/main.rs", "trials/src/main.rs"),
];
/// The crates of ballet that a system is built with.
const CRATES: [&str; 6] =
    ["ballet", "ballet-cli", "ballet-openapi", "ballet-stage", "ballet-testkit", "ballet-trials"];

/// The package of the gateway, whose program is in the image.
const GATEWAY: &str = "ballet-gateway";

#[derive(Debug, clap::Args)]
pub(crate) struct SystemArgs {
    /// The directory to make. Its name, lower case, is the system's name and its virtual host
    directory: PathBuf,
    /// The name of its first service
    #[arg(long, default_value = "desk", value_name = "NAME")]
    service: String,
    /// The ballet that it depends on: a version, the URL of a git repository with `#REVISION`, or the directory of a
    /// checkout; a relative one stays relative [default: the checkout that this command was built from]
    #[arg(long, value_name = "WHAT")]
    ballet: Option<String>,
}

pub(super) fn run(args: &SystemArgs) -> Result<ExitStatus> {
    let SystemArgs { directory, service, ballet } = args;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    names::check_system(&name)?;
    names::check_first_service(service)?;
    let root = std::env::current_dir().context("there is no current directory")?.join(directory);
    let dependency = Dependency::of(ballet.as_deref(), &root)?;
    if let Some(checkout) = dependency.checkout() {
        check_place(&root, checkout, &name)?;
    }
    let (copy, context) = dependency.in_container();
    let words = Replacements(vec![
        ("MY_SERVICE", service.to_uppercase()),
        ("my_service", service.clone()),
        ("my_system", name.clone().into_owned()),
        ("BALLET_DEPENDENCIES\n", dependency.lines(&CRATES)),
        ("BALLET_INSTALL", dependency.install(GATEWAY, &folder(GATEWAY))),
        ("BALLET_COPY\n", copy),
        ("BALLET_CONTEXT\n", context),
        ("BALLET_SOURCE", dependency.meaning()),
    ]);
    let mut files: Vec<_> =
        TEMPLATES.iter().map(|(path, template)| words.file(path, template)).collect();
    // Take the versions of dependencies that ballet itself is tested with.
    let lock = dependency.checkout().map(|checkout| checkout.join("Cargo.lock"));
    if let Some(text) = lock.and_then(|lock| std::fs::read_to_string(lock).ok()) {
        files.push(NewFile { path: "Cargo.lock".to_owned(), text });
    }
    writing::write(&root, &files)?;
    let contracts = Contracts::read(&root.join("contracts").join(&*name))?;
    writing::write(&root, &[writing::definitions(contracts.system())])?;
    writing::lock(&root);
    ui::say(&format!(
        "\n{}\n\nnext:\n  cd {}\n  cargo ballet demo                # {service} at work\n  \
         cargo ballet chaos --minutes 5   # and under faults\n  cargo test\n  \
         cargo ballet new service NAME",
        dependency.meaning(),
        directory.display()
    ));
    Ok(ExitStatus::All)
}

/// Refuses a place in the checkout: the new workspace would be a part of it.
fn check_place(root: &Path, checkout: &Path, name: &str) -> Result<()> {
    if !whole(root)?.starts_with(checkout) {
        return Ok(());
    }
    Err(usage(format!(
        "{} would lie in the checkout of ballet: name a directory outside of it, such as {}",
        root.display(),
        checkout.with_file_name(name).display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name in the registry that we do not publish belongs to somebody else.
    #[test]
    fn what_a_system_takes_from_the_registry_is_published_by_us() {
        let crates = CRATES.map(|name| (name, folder(name)));
        for (name, folder) in crates.into_iter().chain([(GATEWAY, folder(GATEWAY))]) {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
            let manifest = root.join(folder).join("Cargo.toml");
            let text = std::fs::read_to_string(&manifest).expect("a manifest");
            assert!(text.contains(&format!("name = {name:?}\n")), "{name}: {text}");
            assert!(!text.contains("publish"), "{name} is kept to the workspace");
        }
    }
}
