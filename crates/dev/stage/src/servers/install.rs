//! Installs a server with the system's package manager.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Result, machine};
use crate::servers::find::{self, MissingPrograms};
use crate::servers::options::Progress;
use crate::servers::server_set::base_dir;

/// A server's names in package managers; an empty one is unknown.
pub(crate) struct SoftwarePackage {
    pub(crate) server: &'static str,
    pub(crate) advice: &'static str,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
    brew: &'static str,
    /// Services that the package may start.
    units: &'static str,
    /// The user that they run as, if stopping leaves processes.
    user: &'static str,
}

pub(crate) const RABBITMQ: SoftwarePackage = SoftwarePackage {
    server: "RabbitMQ",
    advice: "Install rabbitmq-server 3.10 or newer, start Docker, or set AMQP_URL.",
    apt: "rabbitmq-server",
    dnf: "rabbitmq-server",
    pacman: "rabbitmq",
    brew: "rabbitmq",
    units: "rabbitmq-server.service epmd.socket epmd.service",
    user: "rabbitmq",
};

pub(crate) const POSTGRES: SoftwarePackage = SoftwarePackage {
    server: "Postgres",
    advice: "Install PostgreSQL 14 or newer, start Docker, or set DATABASE_URL.",
    apt: "postgresql",
    dnf: "postgresql-server",
    pacman: "postgresql",
    brew: "postgresql@17",
    units: "postgresql.service",
    // Private servers also run as that user.
    user: "",
};

impl SoftwarePackage {
    /// The inner error says why there is none.
    pub(crate) async fn find(&self) -> Result<Result<PathBuf, MissingPrograms>> {
        if self.server == RABBITMQ.server { find::rabbitmq() } else { find::postgres().await }
    }
}

/// One installation at a time over all processes, and no search meanwhile. Dropping the file unlocks.
pub(crate) async fn lock(exclusive: bool) -> Result<File> {
    let path = base_dir().join("install.lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        if exclusive { file.lock() } else { file.lock_shared() }.map(|()| file)
    });
    let locked = locked.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    locked.map_err(machine("lock target/servers/install.lock"))
}

/// The inner error says why that is impossible here.
pub(crate) async fn install(
    package: &SoftwarePackage,
    progress: &Progress,
) -> Result<Result<(), String>> {
    let Some((name, mut command)) = plan(package).await else {
        return Ok(Err(
            "no package manager that may be used (apt-get, dnf or pacman as root or with \
             passwordless sudo, or brew)"
                .to_owned(),
        ));
    };
    progress(&format!(
        "{}: installing the package {name} (no service of it is left running)",
        package.server
    ));
    let log = base_dir().join(format!("install-{}.log", name.replace(' ', "-")));
    let output = File::create(&log).map_err(machine(format!("write {}", log.display())))?;
    let errors = output.try_clone().map_err(machine("share a log file"))?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let status = command.status().await.map_err(machine(format!("install {name}")))?;
    if status.success() {
        fs::remove_file(&log).ok();
        return Ok(Ok(()));
    }
    let text = fs::read_to_string(&log).unwrap_or_default();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
    Ok(Err(format!("installing {name} failed ({last}; all of it in {})", log.display())))
}

async fn plan(package: &SoftwarePackage) -> Option<(&'static str, Command)> {
    let system = [("apt-get", package.apt), ("dnf", package.dnf), ("pacman", package.pacman)];
    let usable =
        |(manager, name): &(&str, &str)| !name.is_empty() && find::program(manager).is_some();
    if let Some((_, name)) = system.into_iter().find(usable) {
        let mut command = as_root().await?;
        let script = include_str!("install.sh");
        command.args(["sh", "-c", script, "install", name, package.units, package.user]);
        return Some((name, command));
    }
    if package.brew.is_empty() || find::program("brew").is_none() {
        return None;
    }
    let mut command = Command::new("brew");
    command.args(["install", package.brew]);
    Some((package.brew, command))
}

/// Begins a command that runs as root without a password, if we may.
async fn as_root() -> Option<Command> {
    if rustix::process::geteuid().is_root() {
        return Some(Command::new("env"));
    }
    let mut probe = Command::new("sudo");
    probe.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().await.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new("sudo");
    command.arg("-n");
    Some(command)
}
