//! The processes of a private RabbitMQ node.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::Mutex;

use crate::error::{Error, Result, machine};
use crate::servers::find;
use crate::servers::in_memory;
use crate::servers::node_home::{FORGET, NodeHome};
use crate::servers::options::Options;
use crate::servers::process::{ServerLaunch, ServerProcess, forget_env, start_failed};
use crate::servers::rabbitmq_access::RabbitMqAccess;
use crate::servers::small_disk::SmallDisk;
use crate::servers::version::ServerVersion;
use crate::wait::wait_until;

const NAME: &str = "RabbitMQ";
const PATIENCE: Duration = Duration::from_secs(300);

/// A private node. The first one of a set has Erlang's name server with it.
#[derive(Debug)]
pub(crate) struct RabbitMqNode {
    home: NodeHome,
    script: PathBuf,
    log: PathBuf,
    fast: bool,
    tls: bool,
    disk: Option<SmallDisk>,
    epmd: Option<ServerProcess>,
    server: Mutex<ServerProcess>,
}

impl RabbitMqNode {
    pub(crate) async fn start(
        home: NodeHome,
        script: PathBuf,
        options: &Options,
        access: &RabbitMqAccess,
    ) -> Result<(Self, ServerVersion)> {
        home.prepare(options, find::installed_version(&script))?;
        let disk = match options.small_disks {
            true => Some(SmallDisk::mount(&home.dir().join("data"), None)?),
            false => None,
        };
        if options.fast {
            in_memory::link(&home.dir().join("data"), None)?;
        }
        let log = home.log();
        let epmd = if home.is_first() { Some(start_epmd(&home, &log)?) } else { None };
        let (fast, tls) = (options.fast, options.tls.is_some());
        let server = Mutex::new(launch(&home, &script, &log, fast)?);
        let node = Self { home, script, log, fast, tls, disk, epmd, server };
        let version = node.wait(&*node.server.lock().await, access).await?;
        Ok((node, version))
    }

    /// Returns its name in the cluster.
    pub(crate) fn name(&self) -> String {
        self.home.node()
    }

    /// Returns the start script, for further nodes.
    pub(crate) fn script(&self) -> &Path {
        &self.script
    }

    pub(crate) fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    pub(crate) fn tls_port(&self) -> Option<u16> {
        self.tls.then(|| self.home.ports().amqps())
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) async fn is_running(&self) -> bool {
        self.server.lock().await.exited().is_none()
    }

    pub(crate) async fn pids(&self) -> Vec<i32> {
        let server = self.server.lock().await.id();
        std::iter::once(server).chain(self.epmd.as_ref().map(ServerProcess::id)).collect()
    }

    pub(crate) async fn kill(&self) -> Result<()> {
        self.server.lock().await.kill().await
    }

    pub(crate) async fn signal(&self, signal: Signal) {
        self.server.lock().await.signal(signal);
    }

    pub(crate) async fn control(&self, arguments: &[&str]) -> Result<String> {
        let program = self.script.with_file_name("rabbitmqctl");
        let mut command = std::process::Command::new(&program);
        forget_env(&mut command, FORGET);
        let mut command = tokio::process::Command::from(command);
        command
            .args(["--node", &self.name(), "--timeout", "30"])
            .args(arguments)
            .envs(self.home.environment(self.fast))
            // This port is the server's; the command would listen on it, too.
            .env_remove("RABBITMQ_DIST_PORT")
            .current_dir(self.home.dir())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let what = format!("run {}", program.display());
        let output = command.output().await.map_err(machine(what))?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(said(&output.stdout));
        }
        Err(Error::Server {
            what: format!("rabbitmqctl {}", arguments.join(" ")),
            place: self.name(),
            cause: said(&[output.stdout, output.stderr].concat()),
            advice: "is the node up?",
        })
    }

    pub(crate) async fn start_again(&self, access: &RabbitMqAccess) -> Result<()> {
        let mut server = self.server.lock().await;
        if server.exited().is_none() {
            let why = "it is running";
            return Err(Error::WrongState { server: NAME, action: "start", why });
        }
        *server = launch(&self.home, &self.script, &self.log, self.fast)?;
        self.wait(&server, access).await.map(drop)
    }

    /// Waits until the administrator can log in, or the process ends.
    async fn wait(&self, server: &ServerProcess, access: &RabbitMqAccess) -> Result<ServerVersion> {
        let outcome = wait_until("RabbitMQ to be ready", PATIENCE, || async {
            if let Some(status) = server.exited() {
                return Ok(Some(Err(format!("it ended with {status}"))));
            }
            access.check().await.map(|version| Some(Ok(version)))
        });
        let outcome = outcome.await.unwrap_or_else(|expired| Err(expired.to_string()));
        outcome.map_err(|cause| {
            self.home.set.keep();
            start_failed(NAME, cause, &self.log)
        })
    }
}

fn launch(home: &NodeHome, script: &Path, log: &Path, fast: bool) -> Result<ServerProcess> {
    ServerProcess::start(&ServerLaunch {
        program: script,
        args: Vec::new(),
        env: home.environment(fast),
        forget_env: FORGET,
        dir: &home.dir(),
        log,
        user: None,
        group_file: home.set.group_file(&home.label()),
        stop_signal: "KILL",
    })
}

/// Starts a name server before the node: one that Erlang starts by itself would outlive the node.
fn start_epmd(home: &NodeHome, log: &Path) -> Result<ServerProcess> {
    let program = find::epmd().ok_or_else(|| Error::NoServer {
        server: NAME,
        tried: vec!["Erlang's epmd is neither on the PATH nor beside erl".to_owned()],
        advice: "Put the directory with Erlang's programs on the PATH.",
    })?;
    let port = home.set.ports().epmd().to_string();
    ServerProcess::start(&ServerLaunch {
        program: &program,
        args: ["-port", &port, "-address", "127.0.0.1"].map(str::to_owned).to_vec(),
        env: Vec::new(),
        forget_env: FORGET,
        dir: &home.dir(),
        log,
        user: None,
        group_file: home.set.group_file("epmd"),
        stop_signal: "KILL",
    })
}
