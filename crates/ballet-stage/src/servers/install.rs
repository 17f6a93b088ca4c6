//! Installs a server, or another program for tests, with the system's package manager.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use crate::error::{Error, Result, machine};
use crate::servers::find::{self, MissingPrograms};
use crate::servers::options::Progress;
use crate::servers::server_set::base_dir;

/// A server as software, with its names in package managers. An empty name means that we know none.
pub(crate) struct SoftwarePackage {
    pub(crate) server: &'static str,
    pub(crate) advice: &'static str,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
    brew: &'static str,
    /// Services that the package may start.
    units: &'static str,
    /// The user that they run as, if stopping them leaves processes behind.
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
    // Private servers run as that user, too.
    user: "",
};

/// The packages for `examples/python-loyalty`. It is no server.
pub(crate) const PYTHON: SoftwarePackage = SoftwarePackage {
    server: "Python with pika and psycopg",
    advice: "Install the Debian packages python3-pika and python3-psycopg, or \
             `pip install pika \"psycopg[binary]\"` and name that Python in BALLET_PYTHON.",
    apt: "python3-pika python3-psycopg",
    dnf: "",
    pacman: "",
    brew: "",
    units: "",
    user: "",
};

/// The server that the tests of alarms query. `promtool` comes with it.
pub(crate) const PROMETHEUS: SoftwarePackage = SoftwarePackage {
    server: "Prometheus",
    advice: "Install the package prometheus, or name the directory with the programs prometheus and \
             promtool in BALLET_PROMETHEUS_BIN.",
    apt: "prometheus",
    dnf: "golang-github-prometheus",
    pacman: "prometheus",
    brew: "prometheus",
    units: "prometheus.service",
    user: "prometheus",
};

/// The browser of the tests of pages.
pub(crate) const CHROMIUM: SoftwarePackage = SoftwarePackage {
    server: "Chromium with its driver",
    advice: "Install the packages chromium and chromium-driver, or name the directory with the program \
             chromedriver in BALLET_CHROMEDRIVER_BIN.",
    apt: "chromium chromium-driver",
    dnf: "chromium chromedriver",
    pacman: "chromium",
    brew: "",
    units: "",
    user: "",
};

impl SoftwarePackage {
    /// Finds the server's programs on this machine. The inner error says why none can be used.
    pub(crate) async fn find(&self) -> Result<Result<PathBuf, MissingPrograms>> {
        if self.server == RABBITMQ.server { find::rabbitmq() } else { find::postgres().await }
    }
}

/// Allows one installation at a time, over all processes, and no search during one. The lock ends
/// when it is dropped.
pub(crate) async fn lock(exclusive: bool) -> Result<File> {
    let path = base_dir().join("install.lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        if exclusive { file.lock() } else { file.lock_shared() }.map(|()| file)
    });
    let locked = locked.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    locked.map_err(machine("lock target/servers/install.lock"))
}

/// Installs a server. The inner error says why that is not possible here.
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

/// Finds the directory with these programs: that in the variable `named`, or one of the `PATH`. If they are not
/// installed, the system's package manager installs them.
pub(crate) async fn programs(
    package: &SoftwarePackage,
    named: &'static str,
    programs: &[&str],
) -> Result<PathBuf> {
    let has_all = |dir: &Path| programs.iter().all(|program| dir.join(program).is_file());
    if let Some(dir) = env::var_os(named).filter(|dir| !dir.is_empty()) {
        return if has_all(Path::new(&dir)) {
            Ok(dir.into())
        } else {
            Err(find::wrong(named, &dir))
        };
    }
    tool(package, async || find::places(&[]).into_iter().find(|dir| has_all(dir))).await
}

/// Finds a program for tests that is no server, or installs its package.
pub(crate) async fn tool(
    package: &SoftwarePackage,
    find: impl AsyncFn() -> Option<PathBuf>,
) -> Result<PathBuf> {
    if let Some(found) = find().await {
        return Ok(found);
    }
    fs::create_dir_all(base_dir()).map_err(machine("create target/servers"))?;
    let _lock = lock(true).await?;
    // Another process may have installed it while we waited for the lock.
    if let Some(found) = find().await {
        return Ok(found);
    }
    let progress: Progress = Arc::new(|line| eprintln!("{line}"));
    let mut tried = vec![MissingPrograms::NotInstalled(package.server).to_string()];
    match install(package, &progress).await? {
        Ok(()) => match find().await {
            Some(found) => return Ok(found),
            None => tried.push("the same after the installation".to_owned()),
        },
        Err(why) => tried.push(why),
    }
    Err(Error::NoServer { server: package.server, tried, advice: package.advice })
}

/// Makes the command that installs the package, if we may run one.
async fn plan(package: &SoftwarePackage) -> Option<(&'static str, Command)> {
    let system = [("apt-get", package.apt), ("dnf", package.dnf), ("pacman", package.pacman)];
    let usable = |(manager, name): &(&str, &str)| !name.is_empty() && find::on_path(manager);
    if let Some((_, name)) = system.into_iter().find(usable) {
        let mut command = as_root().await?;
        let script = include_str!("install.sh");
        command.args(["sh", "-c", script, "install", name, package.units, package.user]);
        return Some((name, command));
    }
    if package.brew.is_empty() || !find::on_path("brew") {
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
