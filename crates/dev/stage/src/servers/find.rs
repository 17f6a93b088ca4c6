//! Finds installed servers: RabbitMQ's start script, Postgres' programs, Erlang's name server.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::error::{Error, Result};
use crate::servers::version::{self, POSTGRES_NEEDED, RABBITMQ_NEEDED, ServerVersion};

/// Its directory is used without a search.
pub(crate) const RABBITMQ_BIN: &str = "BALLET_RABBITMQ_BIN";
/// Its directory is used without a search.
pub(crate) const POSTGRES_BIN: &str = "BALLET_POSTGRES_BIN";

/// Where packages put RabbitMQ's own scripts, best first. `*` is one name.
const RABBITMQ_PLACES: &[&str] = &[
    "/usr/lib/rabbitmq/lib/*/sbin",
    "/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/usr/lib/rabbitmq/bin",
];
const POSTGRES_PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/*/bin",
    "/usr/local/opt/*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Why local programs cannot be used.
#[derive(Debug)]
pub(crate) enum MissingPrograms {
    NotInstalled(&'static str),
    TooOld(String),
}

impl fmt::Display for MissingPrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled(what) => write!(f, "{what} is not installed"),
            Self::TooOld(what) => write!(f, "{what} is too old, and it is not replaced"),
        }
    }
}

/// The inner error says why no local script can be used.
///
/// The command on the PATH often switches to another user and reads the system's settings. RabbitMQ's own script has
/// `rabbitmq-env` beside it.
pub(crate) fn rabbitmq() -> Result<Result<PathBuf, MissingPrograms>> {
    if let Some(dir) = env::var_os(RABBITMQ_BIN) {
        let script = Path::new(&dir).join("rabbitmq-server");
        return if script.is_file() { Ok(Ok(script)) } else { Err(wrong(RABBITMQ_BIN, &dir)) };
    }
    let mut found: Vec<_> = places(RABBITMQ_PLACES)
        .into_iter()
        .filter(|dir| dir.join("rabbitmq-server").exists() && dir.join("rabbitmq-env").exists())
        .map(|dir| (installed_version(&dir.join("rabbitmq-server")), dir))
        .collect();
    // Newest first, and the better place among equals.
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let Some((version, dir)) = found.into_iter().next() else {
        return Ok(Err(MissingPrograms::NotInstalled("rabbitmq-server")));
    };
    match version {
        Some(version) if version < RABBITMQ_NEEDED => Ok(Err(too_old(version, &dir))),
        _ => Ok(Ok(dir.join("rabbitmq-server"))),
    }
}

/// RabbitMQ's directory is named after the version.
pub(crate) fn installed_version(script: &Path) -> Option<ServerVersion> {
    let real = fs::canonicalize(script).ok()?;
    let of = |name: &OsStr| version::parse(name.to_str()?.strip_prefix("rabbitmq_server-")?);
    real.ancestors().find_map(|path| of(path.file_name()?))
}

/// Finds the newest. The inner error is that of [`rabbitmq`].
pub(crate) async fn postgres() -> Result<Result<PathBuf, MissingPrograms>> {
    let named = env::var_os(POSTGRES_BIN).map(PathBuf::from);
    let candidates = named.clone().map_or_else(|| places(POSTGRES_PLACES), |dir| vec![dir]);
    let mut newest: Option<(ServerVersion, PathBuf)> = None;
    for dir in candidates {
        if !dir.join("postgres").exists() || !dir.join("initdb").exists() {
            continue;
        }
        let Some(version) = postgres_version(&dir.join("postgres")).await else { continue };
        if newest.as_ref().is_none_or(|(best, _)| version > *best) {
            newest = Some((version, dir));
        }
    }
    match (newest, named) {
        (None, Some(dir)) => Err(wrong(POSTGRES_BIN, dir.as_os_str())),
        (None, None) => Ok(Err(MissingPrograms::NotInstalled("postgres"))),
        (Some((version, dir)), named) if version < POSTGRES_NEEDED => {
            if named.is_some() {
                version::check_postgres(version, &dir.display().to_string())?;
            }
            Ok(Err(too_old(version, &dir)))
        }
        (Some((_, dir)), _) => Ok(Ok(dir)),
    }
}

async fn postgres_version(program: &Path) -> Option<ServerVersion> {
    let output = Command::new(program).arg("--version").output().await.ok()?;
    version::parse_postgres_banner(&String::from_utf8_lossy(&output.stdout))
}

/// Finds Erlang's name server, on the PATH or in the tree of `erl`.
pub(crate) fn epmd() -> Option<PathBuf> {
    let path: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    if let Some(dir) = path.iter().find(|dir| dir.join("epmd").is_file()) {
        return Some(dir.join("epmd"));
    }
    let erl = path.iter().map(|dir| dir.join("erl")).find(|erl| erl.is_file())?;
    let real = fs::canonicalize(erl).ok()?;
    let root = real.parent()?.parent()?;
    let pattern = format!("{}/erts-*/bin", root.display());
    let mut dirs = vec![root.join("bin")];
    dirs.extend(expand(&pattern));
    dirs.into_iter().map(|dir| dir.join("epmd")).find(|epmd| epmd.is_file())
}

/// Finds a program on the `PATH`.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

fn places(patterns: &[&str]) -> Vec<PathBuf> {
    let mut dirs: Vec<_> = patterns.iter().flat_map(|pattern| expand(pattern)).collect();
    dirs.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    dirs
}

/// The pattern has at most one `*`.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let Some((parent, prefix)) = before.rsplit_once('/') else { return Vec::new() };
    let rest = after.trim_start_matches('/');
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let fits = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(prefix));
    let names = entries.flatten().filter(|entry| fits(&entry.file_name()));
    let mut dirs: Vec<_> = names.map(|entry| entry.path().join(rest)).collect();
    dirs.sort();
    dirs
}

fn too_old(version: ServerVersion, dir: &Path) -> MissingPrograms {
    MissingPrograms::TooOld(format!("version {version} in {}", dir.display()))
}

fn wrong(name: &'static str, dir: &OsStr) -> Error {
    Error::Setting {
        name,
        value: dir.to_string_lossy().into_owned(),
        expected: "it should be the directory that holds the server's programs".to_owned(),
    }
}
