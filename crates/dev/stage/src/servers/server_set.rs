//! One set of private servers: its directory, its ports, its watchdog.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::Mutex;
use std::time::Duration;

use crate::error::{Result, machine};
use crate::processes::children::watchdog;
use crate::random;
use crate::servers::ports::Ports;
use crate::servers::process::ServerProcess;
use crate::servers::user;
use crate::wait::wait_until;

/// What one set's servers share. The watchdog ends the servers and removes the directory.
#[derive(Debug)]
pub(crate) struct ServerSet {
    dir: PathBuf,
    ports: Ports,
    password: String,
    watchdog: ServerProcess,
    /// When it closes, even because we died, the watchdog cleans up.
    lifeline: Mutex<Option<ChildStdin>>,
}

impl ServerSet {
    pub(crate) fn start() -> Result<Self> {
        let dir = make_dir()?;
        let mut child = watchdog(include_str!("watchdog.sh"))
            .arg(&dir)
            .spawn()
            .map_err(machine("start sh, which watches over the servers"))?;
        let lifeline = Mutex::new(child.stdin.take());
        let watchdog = ServerProcess::watch(child);
        let (ports, password) = (Ports::reserve()?, random::hex::<12>()?);
        Ok(Self { dir, ports, password, watchdog, lifeline })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    pub(crate) fn group_file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.group"))
    }

    /// The watchdog runs this script to take containers down.
    pub(crate) fn compose_file(&self) -> PathBuf {
        self.dir.join("containers.compose")
    }

    pub(crate) fn keep(&self) {
        fs::write(self.dir.join("keep"), "").ok();
    }

    /// Waits until they are gone.
    pub(crate) async fn stop(&self) -> Result<()> {
        if let Ok(mut lifeline) = self.lifeline.lock() {
            drop(lifeline.take());
        }
        wait_until("the servers to stop", Duration::from_secs(90), || async {
            self.watchdog.exited().map_or_else(
                || Err(format!("the watchdog of {} works", self.dir.display())),
                |_| Ok(Some(())),
            )
        })
        .await
    }
}

/// Belongs to the workspace for which cargo runs this program.
pub(crate) fn base_dir() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target(named, workspace(), built_in());
    std::path::absolute(&target).unwrap_or(target).join("servers")
}

/// The target directory, or a temporary one for a program installed far from its checkout.
fn target(named: Option<PathBuf>, workspace: Option<PathBuf>, built_in: PathBuf) -> PathBuf {
    let checkout = workspace.or_else(|| built_in.exists().then_some(built_in));
    named.or_else(|| checkout.map(|root| root.join("target"))).unwrap_or_else(|| {
        let user = rustix::process::geteuid().as_raw();
        std::env::temp_dir().join(format!("ballet-{user}"))
    })
}

fn workspace() -> Option<PathBuf> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let has_lock = |directory: &&Path| directory.join("Cargo.lock").exists();
    package.ancestors().find(has_lock).map(Path::to_owned)
}

fn built_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// `target/servers/<name>`.
///
/// If Postgres' user may not enter there, it is a temporary directory.
fn make_dir() -> Result<PathBuf> {
    let name = format!("{}-{}", std::process::id(), random::hex::<3>()?);
    let base = base_dir();
    let made = fs::create_dir_all(&base).and_then(|()| fs::canonicalize(&base));
    let base = made.map_err(machine(format!("create {}", base.display())))?;
    let dir = match user::for_postgres()? {
        Some(user) if !user::may_enter(user, &base) => {
            std::env::temp_dir().join(format!("ballet-{name}"))
        }
        _ => base.join(name),
    };
    DirBuilder::new()
        .mode(0o711)
        .create(&dir)
        .map_err(machine(format!("create {}", dir.display())))?;
    Ok(dir)
}

/// The file may hold a password.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<()> {
    let written = fs::write(path, "")
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o600)))
        .and_then(|()| fs::write(path, text));
    written.map_err(machine(format!("write {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_its_checkout_has_a_temporary_directory() {
        let path = |text: &str| PathBuf::from(text);
        let nowhere = || path("/nowhere/of/ballet");
        assert_eq!(target(Some(path("/named")), Some(path("/system")), nowhere()), path("/named"));
        assert_eq!(target(None, Some(path("/system")), nowhere()), path("/system/target"));
        assert_eq!(target(None, None, built_in()), built_in().join("target"));
        assert!(target(None, None, nowhere()).starts_with(std::env::temp_dir()));
    }
}
