//! `ballet new system`: a workspace with one service that owns a saga, its trials and tests.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::exit::{Done, usage};
use crate::new::names;
use crate::new::writing::{self, Words};
use crate::ui;

/// The files of a workspace.
const TEMPLATES: [(&str, &str); 14] = [
    ("Cargo.toml", include_str!("../../templates/system/manifest.toml")),
    ("clippy.toml", include_str!("../../templates/system/clippy.toml")),
    ("README.md", include_str!("../../templates/system/README.md")),
    (".gitignore", include_str!("../../templates/system/gitignore")),
    (".cargo/config.toml", include_str!("../../templates/system/cargo/config.toml")),
    (
        "contracts/my_system/my_service.json",
        include_str!("../../templates/system/service/contract.json"),
    ),
    (
        "services/my_service/Cargo.toml",
        include_str!("../../templates/system/service/manifest.toml"),
    ),
    (
        "services/my_service/src/events.rs",
        include_str!("../../templates/system/service/src/events.rs"),
    ),
    ("services/my_service/src/lib.rs", include_str!("../../templates/system/service/src/lib.rs")),
    ("services/my_service/src/main.rs", include_str!("../../templates/system/service/src/main.rs")),
    (
        "services/my_service/tests/my_service.rs",
        include_str!("../../templates/system/service/tests/my_service.rs"),
    ),
    ("trials/Cargo.toml", include_str!("../../templates/system/trials/manifest.toml")),
    ("trials/src/audit.rs", include_str!("../../templates/system/trials/src/audit.rs")),
    ("trials/src/main.rs", include_str!("../../templates/system/trials/src/main.rs")),
];

#[derive(Debug, clap::Args)]
pub(crate) struct System {
    /// The directory to make. Its name, lower case, is the system's name and its virtual host
    directory: PathBuf,
    /// The name of its first service
    #[arg(long, default_value = "desk", value_name = "NAME")]
    service: String,
    /// The checkout of ballet that it is built with [default: the one that this command is of]
    #[arg(long, value_name = "DIR")]
    ballet: Option<PathBuf>,
}

pub(super) fn run(args: &System) -> Result<Done> {
    let System { directory, service, ballet } = args;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    names::check_system(&name)?;
    names::check_service(service)?;
    let checkout = checkout(ballet.as_deref())?;
    let root = std::env::current_dir().context("there is no current directory")?.join(directory);
    let above = root.ancestors().skip(1).find_map(|above| above.canonicalize().ok());
    if above.is_some_and(|above| above.starts_with(&checkout)) {
        return Err(usage(format!(
            "{} would lie in the checkout of ballet: name a directory outside of it, such as {}",
            root.display(),
            checkout.with_file_name(&*name).display()
        )));
    }
    let words = Words(vec![
        ("MY_SERVICE", service.to_uppercase()),
        ("my_service", service.clone()),
        ("my_system", name.clone().into_owned()),
        ("BALLET/", format!("{}/", checkout.display())),
    ]);
    let mut files: Vec<_> =
        TEMPLATES.iter().map(|(path, template)| words.file(path, template)).collect();
    // The versions of dependencies that ballet itself is tested with.
    if let Ok(text) = std::fs::read_to_string(checkout.join("Cargo.lock")) {
        files.push(writing::File { path: "Cargo.lock".to_owned(), text });
    }
    writing::write(&root, &files)?;
    ui::say(&format!(
        "\nnext:\n  cd {}\n  cargo ballet demo                # {service} at work\n  \
         cargo ballet chaos --minutes 5   # and under faults\n  cargo test\n  \
         cargo ballet new service NAME",
        directory.display()
    ));
    Ok(Done::All)
}

/// The checkout of ballet: the one that is named, or that cargo runs this command for, or that it was
/// built in.
fn checkout(named: Option<&Path>) -> Result<PathBuf> {
    let is_ballet = |folder: &PathBuf| folder.join("crates/ballet/Cargo.toml").exists();
    let of_package = |package: &Path| package.join("../..");
    let of_cargo = || {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)?;
        Some(of_package(&package)).filter(is_ballet)
    };
    let built = || of_package(Path::new(env!("CARGO_MANIFEST_DIR")));
    let folder = named.map_or_else(|| of_cargo().unwrap_or_else(built), Path::to_owned);
    folder.canonicalize().ok().filter(is_ballet).ok_or_else(|| {
        usage(format!(
            "there is no checkout of ballet in {}: name its directory with --ballet",
            folder.display()
        ))
    })
}
