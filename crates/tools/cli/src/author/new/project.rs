//! `ballet new NAME`: a project with one service, which owns a saga.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::author::new::dependency::{Dependency, whole};
use crate::author::new::names;
use crate::author::new::writing::{self, NewFile, Replacements};
use crate::base::exit::{ExitStatus, usage};
use crate::base::ui;

macro_rules! template {
    ($path:literal, $template:literal) => {
        ($path, include_str!(concat!("../../../templates/project/", $template)))
    };
}

const TEMPLATES: [(&str, &str); 10] = [
    template!("Cargo.toml", "manifest.toml"),
    template!("README.md", "README.md"),
    template!(".gitignore", "gitignore"),
    template!(".cargo/config.toml", "cargo/config.toml"),
    template!("compose.yaml", "compose.yaml"),
    template!("migrations/0001_request.sql", "migrations/0001_request.sql"),
    template!("src/lib.rs", "src/lib.rs"),
    template!("src/main.rs", "src/main.rs"),
    template!("src/bin/ballet.rs", "src/bin/ballet.rs"),
    template!("tests/my_service.rs", "tests/my_service.rs"),
];
/// A project and its additions need these.
const CRATES: [&str; 4] = ["ballet", "ballet-cli", "ballet-testkit", "ballet-trials"];

#[derive(Debug, clap::Args)]
pub(crate) struct ProjectArgs {
    /// The directory to make. Its name, lower case, is the system's name and its virtual host
    #[arg(required = true)]
    directory: Option<PathBuf>,
    /// The name of its first service
    #[arg(long, default_value = "desk", value_name = "NAME")]
    service: String,
    /// The ballet that it depends on: a version, the URL of a git repository with `#REVISION`, or the directory of a
    /// checkout; a relative one stays relative [default: the checkout that this command was built from]
    #[arg(long, value_name = "WHAT")]
    ballet: Option<String>,
}

pub(super) fn run(args: &ProjectArgs) -> Result<ExitStatus> {
    let ProjectArgs { directory, service, ballet } = args;
    let directory = directory.as_deref().context("a project has a directory")?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    names::check_system(&name)?;
    names::check_first_service(service)?;
    let root = std::env::current_dir().context("there is no current directory")?.join(directory);
    let dependency = Dependency::of(ballet.as_deref(), &root)?;
    if let Some(checkout) = dependency.checkout() {
        check_place(&root, checkout, &name)?;
    }
    let words = Replacements(vec![
        ("my_service", service.clone()),
        ("my_system", name.clone().into_owned()),
        ("BALLET_DEPENDENCIES\n", dependency.lines(&CRATES)),
        ("BALLET_SOURCE", dependency.meaning()),
    ]);
    let mut files: Vec<_> =
        TEMPLATES.iter().map(|(path, template)| words.file(path, template)).collect();
    // The versions with which ballet is tested.
    let lock = dependency.checkout().map(|checkout| checkout.join("Cargo.lock"));
    if let Some(text) = lock.and_then(|lock| std::fs::read_to_string(lock).ok()) {
        files.push(NewFile { path: "Cargo.lock".to_owned(), text });
    }
    writing::write(&root, &files)?;
    writing::lock(&root);
    ui::say(&format!(
        "\n{}\n\nnext:\n  cd {}\n  cargo test                                # {service} on a broker and a database\n  \
         cargo ballet contract write {service:<13} # its contract\n  \
         cargo ballet new service NAME             # or trials, gateway, ci",
        dependency.meaning(),
        directory.display()
    ));
    Ok(ExitStatus::All)
}

/// The new workspace would be a part of the checkout.
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
    use crate::author::new::dependency::folder;
    use crate::author::new::parts::GATEWAY_PACKAGE;

    /// An unpublished name in the registry belongs to somebody else.
    #[test]
    fn what_a_project_takes_from_the_registry_is_published_by_us() {
        let crates = CRATES.map(|name| (name, folder(name)));
        for (name, folder) in crates.into_iter().chain([(GATEWAY_PACKAGE, folder(GATEWAY_PACKAGE))])
        {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
            let manifest = root.join(folder).join("Cargo.toml");
            let text = std::fs::read_to_string(&manifest).expect("a manifest");
            assert!(text.contains(&format!("name = {name:?}\n")), "{name}: {text}");
            assert!(!text.contains("publish"), "{name} is kept to the workspace");
        }
    }
}
