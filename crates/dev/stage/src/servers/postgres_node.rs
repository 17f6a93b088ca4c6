//! The process and the data directory of a private Postgres.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustix::process::Signal;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::error::{Error, Result, machine};
use crate::servers::in_memory;
use crate::servers::options::Options;
use crate::servers::ports::Ports;
use crate::servers::postgres_access::check;
use crate::servers::process::{ServerLaunch, ServerProcess, SystemUser, forget_env, start_failed};
use crate::servers::scram::verifier;
use crate::servers::server_set::{ServerSet, write_secret};
use crate::servers::small_disk::SmallDisk;
use crate::servers::user;
use crate::servers::version::ServerVersion;
use crate::wait::wait_until;

const NAME: &str = "Postgres";
/// The directory of the first server.
const FIRST: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(300);
/// Prefixes of variables that set up the user's own server and tools.
const FORGET: &str = "PG POSTGRES";

/// Settings of every private server, whatever the machine's defaults are.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    // Our paths are too long for sockets.
    "unix_socket_directories=",
    "max_connections=1500",
    // `drop database` waits for sessions that are being opened. A client that was killed meanwhile
    // would keep its session for a minute.
    "authentication_timeout=15s",
    // JIT costs far more than it gains on short statements.
    "jit=off",
    "max_wal_size=2GB",
    // For what is told of the locks of prepared transactions.
    "max_prepared_transactions=8",
    "log_line_prefix=%m [%p] %q%u@%d ",
    // This memory is in the data directory, and goes with it, even after `kill -9`.
    "dynamic_shared_memory_type=mmap",
];
/// Settings with which only a crash of the machine loses data; a killed process does not. `synchronous_commit=off` is
/// not among them: it keeps a commit in the process for a while.
const FAST: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    // A worker begins in each database once in this time, by default once a minute. There are a hundred databases, and
    // each lives for seconds.
    "autovacuum_naptime=5min",
];

/// A private server.
#[derive(Debug)]
pub(crate) struct PostgresNode {
    set: Arc<ServerSet>,
    /// The name of its directory.
    label: &'static str,
    /// The ports of a standby.
    _ports: Option<Ports>,
    programs: PathBuf,
    settings: Vec<String>,
    log: PathBuf,
    user: Option<SystemUser>,
    disk: Option<SmallDisk>,
    server: Mutex<ServerProcess>,
}

impl PostgresNode {
    pub(crate) async fn start(
        set: &Arc<ServerSet>,
        programs: PathBuf,
        options: &Options,
        url: &Url,
    ) -> Result<(Self, ServerVersion)> {
        let log = set.dir().join("postgres.log");
        let user = user::for_postgres()?;
        let disk = init(set, &programs, options, user, &log).await?;
        let mut settings = settings(set, options, user)?;
        settings.push(format!("port={}", set.ports().postgres()));
        let server = Mutex::new(launch(set, FIRST, &programs, &settings, &log, user)?);
        let (set, label, ports) = (Arc::clone(set), FIRST, None);
        let node = Self { set, label, _ports: ports, programs, settings, log, user, disk, server };
        let version = node.wait(&*node.server.lock().await, url).await;
        let version = version.map_err(|cause| node.failed(cause))?;
        Ok((node, version))
    }

    /// Starts a standby that follows this server, with a copy of its data.
    pub(crate) async fn standby(&self, label: &'static str, url: &Url) -> Result<(Self, Url)> {
        let (set, user) = (Arc::clone(&self.set), self.user);
        let dir = set.dir().join(label);
        fs::create_dir(&dir).map_err(machine(format!("create {}", dir.display())))?;
        give(&dir, user)?;
        let mut command = command(&self.programs.join("pg_basebackup"), &dir, user);
        command.args(["--pgdata=data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        command.arg("--dbname").arg(url.as_str());
        let output = command.output().await.map_err(machine("run pg_basebackup"))?;
        if !output.status.success() {
            let cause = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(start_failed(NAME, cause, &self.log));
        }
        let ports = Ports::reserve()?;
        let mut own = url.clone();
        // It fails only for a URL without a host.
        own.set_port(Some(ports.postgres())).ok();
        let mut settings = self.settings.clone();
        settings.retain(|setting| !setting.starts_with("port="));
        settings.push(format!("port={}", ports.postgres()));
        let (log, programs) = (set.dir().join(format!("{label}.log")), self.programs.clone());
        let server = Mutex::new(launch(&set, label, &programs, &settings, &log, user)?);
        let (ports, disk) = (Some(ports), None);
        let node = Self { set, label, _ports: ports, programs, settings, log, user, disk, server };
        let ready = node.wait(&*node.server.lock().await, &own).await;
        ready.map_err(|cause| node.failed(cause))?;
        Ok((node, own))
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    pub(crate) async fn is_running(&self) -> bool {
        self.server.lock().await.exited().is_none()
    }

    pub(crate) async fn pids(&self) -> Vec<i32> {
        vec![self.server.lock().await.id()]
    }

    pub(crate) async fn kill(&self) -> Result<()> {
        self.server.lock().await.kill().await
    }

    pub(crate) async fn signal(&self, signal: Signal) {
        self.server.lock().await.signal(signal);
    }

    pub(crate) async fn start_again(&self, url: &Url) -> Result<()> {
        let mut server = self.server.lock().await;
        if server.exited().is_none() {
            let why = "it is running";
            return Err(Error::WrongState { server: NAME, action: "start", why });
        }
        let Self { set, label, programs, settings, log, user, .. } = self;
        *server = launch(set, label, programs, settings, log, *user)?;
        self.wait(&server, url).await.map(drop).map_err(|cause| self.failed(cause))
    }

    /// Waits until the administrator can log in, or the process ends.
    async fn wait(&self, server: &ServerProcess, url: &Url) -> Result<ServerVersion, String> {
        let outcome = wait_until("Postgres to be ready", PATIENCE, || async {
            if let Some(status) = server.exited() {
                return Ok(Some(Err(format!("it ended with {status}"))));
            }
            check(url).await.map(|version| Some(Ok(version)))
        });
        outcome.await.unwrap_or_else(|expired| Err(expired.to_string()))
    }

    fn failed(&self, cause: String) -> Error {
        self.set.keep();
        start_failed(NAME, cause, &self.log)
    }
}

fn dir(set: &ServerSet) -> PathBuf {
    set.dir().join(FIRST)
}

/// Makes the data directory, owned by the user that the server runs as.
async fn init(
    set: &ServerSet,
    programs: &Path,
    options: &Options,
    user: Option<SystemUser>,
    log: &Path,
) -> Result<Option<SmallDisk>> {
    let dir = dir(set);
    fs::create_dir(&dir).map_err(machine(format!("create {}", dir.display())))?;
    let password_file = dir.join("password");
    write_secret(&password_file, &verifier(set.password())?)?;
    for path in [&dir, &password_file] {
        give(path, user)?;
    }
    let disk = match options.small_disks {
        true => Some(SmallDisk::mount(&dir.join("data"), user)?),
        false => None,
    };
    if options.fast {
        in_memory::link(&dir.join("data"), user)?;
    }
    let mut command = command(&programs.join("initdb"), &dir, user);
    command
        .args(["--no-sync", "--auth=scram-sha-256", "--username=ops", "--encoding=UTF8"])
        .args(["--locale=C", "--pgdata=data", "--pwfile=password"]);
    let output = command.output().await.map_err(machine("run Postgres' initdb"))?;
    fs::remove_file(&password_file).ok();
    if output.status.success() {
        return Ok(disk);
    }
    fs::write(log, [output.stdout, output.stderr].concat()).ok();
    set.keep();
    Err(start_failed(NAME, format!("initdb ended with {}", output.status), log))
}

/// Makes the command for one of Postgres' programs, run in a directory as the server's user.
fn command(program: &Path, dir: &Path, user: Option<SystemUser>) -> Command {
    let mut command = std::process::Command::new(program);
    forget_env(&mut command, FORGET);
    let mut command = Command::from(command);
    command.current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(SystemUser { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn settings(set: &ServerSet, options: &Options, user: Option<SystemUser>) -> Result<Vec<String>> {
    let fast: &[&str] = if options.fast { FAST } else { &[] };
    let mut settings: Vec<String> =
        SETTINGS.iter().chain(fast).map(|setting| (*setting).to_owned()).collect();
    if let Some(tls) = &options.tls {
        settings.push("ssl=on".to_owned());
        let files = [
            ("ssl_cert_file", "server.pem", &tls.identity.certificate),
            ("ssl_key_file", "server.key", &tls.identity.key),
        ];
        for (setting, name, text) in files {
            let path = dir(set).join(name);
            write_secret(&path, text)?;
            give(&path, user)?;
            settings.push(format!("{setting}={}", path.display()));
        }
    }
    Ok(settings)
}

/// Gives a file to the server's user: the server reads only its user's files.
fn give(path: &Path, user: Option<SystemUser>) -> Result<()> {
    let Some(SystemUser { uid, gid }) = user else { return Ok(()) };
    chown(path, Some(uid), Some(gid))
        .map_err(machine(format!("give {} to Postgres' user", path.display())))
}

fn launch(
    set: &ServerSet,
    label: &str,
    programs: &Path,
    settings: &[String],
    log: &Path,
    user: Option<SystemUser>,
) -> Result<ServerProcess> {
    let mut args = vec!["-D".to_owned(), "data".to_owned()];
    args.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), setting.clone()]));
    ServerProcess::start(&ServerLaunch {
        program: &programs.join("postgres"),
        args,
        env: Vec::new(),
        forget_env: FORGET,
        dir: &set.dir().join(label),
        log,
        user,
        group_file: set.group_file(label),
        // An immediate shutdown is as final as KILL, but removes the shared memory.
        stop_signal: "QUIT",
    })
}
