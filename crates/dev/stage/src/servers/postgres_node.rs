//! The settings and the data directory of a private Postgres.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;
use url::Url;

use crate::error::{Result, machine};
use crate::servers::backend::LocalServer;
use crate::servers::in_memory;
use crate::servers::options::Options;
use crate::servers::ports::Ports;
use crate::servers::postgres_access::check;
use crate::servers::process::{ServerLaunch, SystemUser, forget_env, start_failed};
use crate::servers::scram::verifier;
use crate::servers::server_set::{ServerSet, write_secret};
use crate::servers::user;
use crate::servers::version::ServerVersion;

pub(crate) const NAME: &str = "Postgres";
const FIRST: &str = "postgres";
/// The user's own server and tools must not reach ours.
const FORGET: &str = "PG POSTGRES";

/// These hold for every private server, whatever the machine's defaults.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    // Our paths are too long for sockets.
    "unix_socket_directories=",
    "max_connections=1500",
    // `drop database` waits for opening sessions, and a client killed meanwhile would keep its session for a minute.
    "authentication_timeout=15s",
    // JIT costs far more than it gains on short statements.
    "jit=off",
    "max_wal_size=2GB",
    // For tests about the locks of prepared transactions.
    "max_prepared_transactions=8",
    "log_line_prefix=%m [%p] %q%u@%d ",
    // This memory goes with the data directory, even after `kill -9`.
    "dynamic_shared_memory_type=mmap",
];
/// With these only a crash of the machine loses data. `synchronous_commit=off` keeps a commit in the process for a
/// while, so it is not among them.
const FAST: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    // By default a worker begins once a minute in each database: here are a hundred, each living for seconds.
    "autovacuum_naptime=5min",
];

pub(crate) async fn start(
    set: &Arc<ServerSet>,
    programs: &Path,
    options: &Options,
    url: &Url,
) -> Result<(LocalServer, ServerVersion)> {
    let log = set.dir().join("postgres.log");
    let user = user::for_postgres()?;
    init(set, programs, options, user, &log).await?;
    let mut settings = settings(set, options, user)?;
    settings.push(format!("port={}", set.ports().postgres()));
    let mut args = vec!["-D".to_owned(), "data".to_owned()];
    args.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    let launch = ServerLaunch {
        program: programs.join("postgres"),
        args,
        env: Vec::new(),
        forget_env: FORGET,
        dir: dir(set),
        log,
        user,
        group_file: set.group_file(FIRST),
        // An immediate shutdown is as final as KILL, and removes the shared memory.
        stop_signal: "QUIT",
    };
    LocalServer::start(NAME, set, launch, || check(url)).await
}

pub(crate) async fn standby(
    primary: &LocalServer,
    label: &str,
    url: &Url,
) -> Result<(Url, Ports, LocalServer)> {
    let LocalServer { set, launch, .. } = primary;
    let dir = set.dir().join(label);
    fs::create_dir(&dir).map_err(machine(format!("create {}", dir.display())))?;
    give(&dir, launch.user)?;
    let program = launch.program.with_file_name("pg_basebackup");
    let mut command = command(&program, &dir, launch.user);
    command.args(["--pgdata=data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
    command.arg("--dbname").arg(url.as_str());
    let output = command.output().await.map_err(machine("run pg_basebackup"))?;
    if !output.status.success() {
        let cause = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(start_failed(NAME, cause, &launch.log));
    }
    let ports = Ports::reserve()?;
    let mut own = url.clone();
    // It fails only for a URL without a host.
    own.set_port(Some(ports.postgres())).ok();
    let (log, group_file) = (set.dir().join(format!("{label}.log")), set.group_file(label));
    let mut launch = ServerLaunch { dir, log, group_file, ..launch.clone() };
    for port in launch.args.iter_mut().filter(|arg| arg.starts_with("port=")) {
        *port = format!("port={}", ports.postgres());
    }
    let (standby, _) = LocalServer::start(NAME, set, launch, || check(&own)).await?;
    Ok((own, ports, standby))
}

fn dir(set: &ServerSet) -> PathBuf {
    set.dir().join(FIRST)
}

/// Its owner is the user that the server runs as.
async fn init(
    set: &ServerSet,
    programs: &Path,
    options: &Options,
    user: Option<SystemUser>,
    log: &Path,
) -> Result<()> {
    let dir = dir(set);
    fs::create_dir(&dir).map_err(machine(format!("create {}", dir.display())))?;
    let password_file = dir.join("password");
    write_secret(&password_file, &verifier(set.password())?)?;
    for path in [&dir, &password_file] {
        give(path, user)?;
    }
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
        return Ok(());
    }
    fs::write(log, [output.stdout, output.stderr].concat()).ok();
    set.keep();
    Err(start_failed(NAME, format!("initdb ended with {}", output.status), log))
}

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

/// The server reads only its user's files.
fn give(path: &Path, user: Option<SystemUser>) -> Result<()> {
    let Some(SystemUser { uid, gid }) = user else { return Ok(()) };
    chown(path, Some(uid), Some(gid))
        .map_err(machine(format!("give {} to Postgres' user", path.display())))
}
