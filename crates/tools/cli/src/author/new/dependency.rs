//! A new project's dependency on ballet: a version, a git repository, or a checkout.

use std::env;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::author::new::workspace;
use crate::base::exit::usage;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dependency {
    /// A version from the registry.
    Version(String),
    /// A git repository, at a revision if one is named.
    Git { url: String, revision: Option<String> },
    /// A checkout, with its path as the project's manifest has it.
    Path { written: PathBuf, checkout: PathBuf },
}

impl Dependency {
    /// Reads `--ballet` for a system in this directory, which need not exist. The default is this command's checkout,
    /// or its version if installed.
    pub(super) fn of(named: Option<&str>, root: &Path) -> Result<Self> {
        let Some(named) = named else {
            return match own_checkout() {
                Some(checkout) => Ok(Self::Path { written: relative(root, &checkout)?, checkout }),
                None => Ok(Self::Version(env!("CARGO_PKG_VERSION").to_owned())),
            };
        };
        if named.contains("://") || named.starts_with("git@") {
            return Ok(match named.split_once('#') {
                Some((url, revision)) => {
                    Self::Git { url: url.to_owned(), revision: Some(revision.to_owned()) }
                }
                None => Self::Git { url: named.to_owned(), revision: None },
            });
        }
        if named.starts_with(|c: char| c.is_ascii_digit() || "=^~".contains(c)) {
            return Ok(Self::Version(named.to_owned()));
        }
        let checkout = Path::new(named).canonicalize().ok().filter(|folder| is_ballet(folder));
        let checkout = checkout.ok_or_else(|| {
            usage(format!(
                "there is no checkout of ballet in {named}: --ballet takes its directory, as it is from here, a \
                 version such as 0.1.0, or the URL of a git repository with a revision, https://HOST/ballet#REVISION"
            ))
        })?;
        let is_relative = Path::new(named).is_relative();
        let written = if is_relative { relative(root, &checkout)? } else { checkout.clone() };
        Ok(Self::Path { written, checkout })
    }

    /// Reads it from the manifest of a project.
    pub(super) fn of_project(root: &Path) -> Result<Self> {
        let manifest = workspace::manifest(root)?;
        let line = manifest.lines().find_map(|line| line.strip_prefix("ballet = "));
        let value = |name: &str| {
            let (_, rest) = line?.split_once(&format!("{name} = \""))?;
            rest.split('"').next().map(str::to_owned)
        };
        let path = value("path").map(PathBuf::from);
        if let Some(written) = path.as_deref().and_then(|path| path.ancestors().nth(3)) {
            let (written, checkout) = (written.to_owned(), root.join(written));
            return Ok(Self::Path { written, checkout });
        }
        if let Some(url) = value("git") {
            return Ok(Self::Git { url, revision: value("rev") });
        }
        let version = line.filter(|line| !line.starts_with('{'));
        let version = version.map(|version| version.trim_matches('"').to_owned());
        value("version").or(version).map(Self::Version).ok_or_else(|| {
            usage(format!(
                "{} does not say where ballet is from: it needs a line `ballet = \"VERSION\"`, or a table \
                 with a `version`, a `path` or a `git`",
                root.join("Cargo.toml").display()
            ))
        })
    }

    pub(super) fn checkout(&self) -> Option<&Path> {
        match self {
            Self::Path { checkout, .. } => Some(checkout),
            Self::Version(_) | Self::Git { .. } => None,
        }
    }

    pub(super) fn lines(&self, crates: &[&str]) -> String {
        let from = |name: &str| match self {
            Self::Version(version) => format!("{version:?}"),
            Self::Git { url, revision: None } => format!("{{ git = {url:?} }}"),
            Self::Git { url, revision: Some(revision) } => {
                format!("{{ git = {url:?}, rev = {revision:?} }}")
            }
            Self::Path { written, .. } => {
                format!("{{ path = {:?} }}", written.join(folder(name)).display().to_string())
            }
        };
        crates.iter().map(|name| format!("{name} = {}\n", from(name))).collect()
    }

    /// Brings a checkout into the system's image and the container's build.
    pub(super) fn in_container(&self) -> (String, String) {
        let Self::Path { written, .. } = self else { return Default::default() };
        let path = written.display();
        (
            format!("COPY --from=ballet . {path}\n"),
            format!("      additional_contexts:\n        ballet: {path}\n"),
        )
    }

    /// The arguments of `cargo install` for a package in this folder of a checkout.
    pub(super) fn install(&self, package: &str, folder: &str) -> String {
        match self {
            Self::Version(version) => format!("--locked --version {version} {package}"),
            Self::Git { url, revision: None } => format!("--locked --git {url} {package}"),
            Self::Git { url, revision: Some(revision) } => {
                format!("--locked --git {url} --rev {revision} {package}")
            }
            Self::Path { written, .. } => {
                format!("--locked --path {}/{folder}", written.display())
            }
        }
    }

    /// The consequence for others who build the system.
    pub(super) fn meaning(&self) -> String {
        match self {
            Self::Path { .. } => format!(
                "It takes ballet from {self}: whoever clones it needs a checkout there. With --ballet VERSION, \
                 or --ballet URL#REVISION of a git repository, a clone is enough"
            ),
            Self::Git { revision: None, .. } => {
                format!(
                    "It takes ballet from {self}: Cargo.lock keeps the commit that it is built with first"
                )
            }
            Self::Version(_) | Self::Git { .. } => {
                format!("It takes ballet from {self}: a clone is enough")
            }
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "the registry, version {version}"),
            Self::Git { url, revision: None } => f.write_str(url),
            Self::Git { url, revision: Some(revision) } => write!(f, "{url} at {revision}"),
            Self::Path { written, .. } => write!(f, "{}", written.display()),
        }
    }
}

pub(super) fn folder(name: &str) -> String {
    let (ring, folder) = match name {
        "ballet" => ("framework", name),
        "ballet-gateway" => ("tools", "gateway"),
        "ballet-cli" => ("tools", "cli"),
        _ => ("dev", name.trim_start_matches("ballet-")),
    };
    format!("crates/{ring}/{folder}")
}

/// The checkout for which cargo runs this command, or where it was built, unless cargo itself fetched it.
fn own_checkout() -> Option<PathBuf> {
    let of_cargo = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let checkouts = of_cargo.into_iter().chain([built]).map(|package| package.join("../../.."));
    let mut checkouts = checkouts.filter_map(|folder| folder.canonicalize().ok());
    checkouts.find(|folder| is_ballet(folder) && !is_of_cargo(folder))
}

fn is_ballet(folder: &Path) -> bool {
    folder.join("crates/framework/ballet/Cargo.toml").exists()
}

fn is_of_cargo(folder: &Path) -> bool {
    let names: Vec<_> = folder.iter().collect();
    names.windows(2).any(|pair| pair == ["git", "checkouts"] || pair == ["registry", "src"])
}

/// The relative path from a directory, which need not exist, to one that does.
fn relative(from: &Path, to: &Path) -> Result<PathBuf> {
    let from = whole(from)?;
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    Ok(up.chain(to.components().skip(shared)).collect())
}

/// The directory without links and dots, resolved as far as it exists.
pub(super) fn whole(directory: &Path) -> Result<PathBuf> {
    let exists = directory.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let (above, whole) = exists.context("no directory above exists")?;
    let below = directory.strip_prefix(above)?;
    Ok(if below == Path::new("") { whole } else { whole.join(below) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn checkout() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("a checkout")
    }

    fn line(named: Option<&str>, root: &Path) -> String {
        Dependency::of(named, root).expect("a dependency").lines(&["ballet"])
    }

    #[test]
    fn a_dependency_is_written_as_it_is_asked_for() {
        let root = checkout().with_file_name("harbour");
        assert_eq!(line(Some("0.1.0"), &root), "ballet = \"0.1.0\"\n");
        let git = "https://git.example/ballet";
        assert_eq!(line(Some(git), &root), format!("ballet = {{ git = \"{git}\" }}\n"));
        let at = format!("ballet = {{ git = \"{git}\", rev = \"6188ca2\" }}\n");
        assert_eq!(line(Some(&format!("{git}#6188ca2")), &root), at);
        let name = checkout().file_name().expect("a name").to_string_lossy().into_owned();
        // With a path relative to this package.
        let beside = format!("ballet = {{ path = \"../{name}/crates/framework/ballet\" }}\n");
        assert_eq!(line(None, &root), beside);
        assert_eq!(line(Some("../../.."), &root), beside);
        let absolute = checkout().display().to_string();
        let from_above = format!("ballet = {{ path = \"{absolute}/crates/framework/ballet\" }}\n");
        assert_eq!(line(Some(&absolute), &root), from_above);
    }

    #[test]
    fn a_project_says_what_it_depends_on() {
        let root = env::temp_dir().join(format!("ballet-dependency-{}", std::process::id()));
        fs::create_dir_all(&root).expect("a directory");
        let git = "https://git.example/ballet";
        let pinned = format!("{git}#6188ca2");
        for named in [None, Some("0.1.0"), Some(git), Some(&*pinned)] {
            let written = line(named, &root);
            fs::write(root.join("Cargo.toml"), &written).expect("written");
            let read = Dependency::of_project(&root).expect("a dependency");
            assert_eq!(read.lines(&["ballet"]), written);
        }
        let table = "ballet = { version = \"0.1.0\", features = [\"otlp\"] }\n";
        fs::write(root.join("Cargo.toml"), table).expect("written");
        let read = Dependency::of_project(&root).expect("a dependency");
        assert_eq!(read, Dependency::Version("0.1.0".to_owned()));
        fs::remove_dir_all(&root).expect("removed");
    }

    #[test]
    fn what_is_no_checkout_is_said_with_what_else_there_is() {
        let error = Dependency::of(Some("../nowhere"), &checkout()).expect_err("no checkout");
        let said = error.to_string();
        for word in ["no checkout of ballet in ../nowhere", "0.1.0", "#REVISION"] {
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_cargo_has_fetched_is_no_checkout() {
        assert!(is_of_cargo(Path::new("/home/a/.cargo/git/checkouts/ballet-0123/6188ca2")));
        assert!(!is_of_cargo(Path::new("/home/a/git/ballet")));
    }
}
