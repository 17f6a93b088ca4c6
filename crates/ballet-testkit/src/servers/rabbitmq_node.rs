use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::Mutex;

use crate::error::{Error, Result, machine};
use crate::servers::Options;
use crate::servers::find;
use crate::servers::process::{Launch, Process, forget_env, start_failed};
use crate::servers::rabbitmq::{Access, OPS};
use crate::servers::run::{Run, write_secret};
use crate::servers::version::Version;
use crate::tls::ServerTls;
use crate::wait_until;

const NAME: &str = "RabbitMQ";
const NODE: &str = "ballet@localhost";
const PATIENCE: Duration = Duration::from_secs(120);
/// Settings of the user's own broker, and of Erlang, that must not reach ours.
const FORGET: &str = "RABBITMQ_ ERL_ NODENAME CONF_ENV_FILE";

/// The management API's numbers and lists are five seconds old otherwise, and tests wait for them.
const COUNT_OFTEN: &str = "[
  {rabbit, [{quorum_tick_interval, 500}, {collect_statistics_interval, 500}]},
  {rabbitmq_management, [{sample_retention_policies,
    [{global, [{605, 1}]}, {basic, [{605, 1}]}, {detailed, [{605, 1}]}]}]}
].
";

/// A private node and its name server.
#[derive(Debug)]
pub(crate) struct Node {
    run: Arc<Run>,
    script: PathBuf,
    log: PathBuf,
    tls: bool,
    epmd: Process,
    server: Mutex<Process>,
}

impl Node {
    pub(crate) async fn start(
        run: &Arc<Run>,
        script: PathBuf,
        options: &Options,
        access: &Access,
    ) -> Result<(Self, Version)> {
        prepare(run, options)?;
        let log = run.dir().join("rabbitmq.log");
        let epmd = start_epmd(run, &log)?;
        let server = Mutex::new(launch(run, &script, &log)?);
        let tls = options.tls.is_some();
        let node = Self { run: Arc::clone(run), script, log, tls, epmd, server };
        let version = node.wait(&*node.server.lock().await, access).await?;
        Ok((node, version))
    }

    pub(crate) fn tls_port(&self) -> Option<u16> {
        self.tls.then(|| self.run.ports().amqps())
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) async fn pids(&self) -> Vec<i32> {
        vec![self.server.lock().await.id(), self.epmd.id()]
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
            .args(["--node", NODE, "--timeout", "30"])
            .args(arguments)
            .envs(environment(&self.run))
            // The one of the server itself, which listens on the same port.
            .env_remove("RABBITMQ_DIST_PORT")
            .current_dir(dir(&self.run))
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
            place: NODE.to_owned(),
            cause: said(&[output.stdout, output.stderr].concat()),
            advice: "is the node up?",
        })
    }

    pub(crate) async fn start_again(&self, access: &Access) -> Result<()> {
        let mut server = self.server.lock().await;
        if server.exited().is_none() {
            let why = "it is running";
            return Err(Error::WrongState { server: NAME, action: "start", why });
        }
        *server = launch(&self.run, &self.script, &self.log)?;
        self.wait(&server, access).await.map(drop)
    }

    /// Waits until the administrator gets in, or the process ends.
    async fn wait(&self, server: &Process, access: &Access) -> Result<Version> {
        let outcome = wait_until("RabbitMQ to be ready", PATIENCE, || async {
            if let Some(status) = server.exited() {
                return Ok(Some(Err(format!("it ended with {status}"))));
            }
            access.check().await.map(|version| Some(Ok(version)))
        });
        let outcome = outcome.await.unwrap_or_else(|expired| Err(expired.to_string()));
        outcome.map_err(|cause| {
            self.run.keep();
            start_failed(NAME, cause, &self.log)
        })
    }
}

fn dir(run: &Run) -> PathBuf {
    run.dir().join("rabbitmq")
}

/// Writes what the node reads: the settings that all our brokers share, and its own.
fn prepare(run: &Run, options: &Options) -> Result<()> {
    let dir = dir(run);
    let home = dir.join("home");
    fs::create_dir_all(&home).map_err(machine(format!("create {}", home.display())))?;
    let ports = run.ports();
    let mut settings = format!(
        "{}\n# Of this private node.\n\
         listeners.tcp.1 = 127.0.0.1:{}\n\
         management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {}\n\
         prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {}\n\
         default_user = {OPS}\ndefault_pass = {}\n",
        include_str!("../../../../broker/rabbitmq.conf"),
        ports.amqp(),
        ports.management(),
        ports.prometheus(),
        run.password(),
    );
    if let Some(tls) = &options.tls {
        settings += &tls_settings(run, tls)?;
    }
    write_secret(&dir.join("rabbitmq.conf"), &settings)?;
    let plugins = include_str!("../../../../broker/enabled_plugins");
    write_secret(&dir.join("enabled_plugins"), plugins)?;
    write_secret(&dir.join("advanced.config"), if options.fast { COUNT_OFTEN } else { "[].\n" })
}

fn tls_settings(run: &Run, tls: &ServerTls) -> Result<String> {
    let file = |name: &str, text: &str| {
        let path = dir(run).join(name);
        write_secret(&path, text).map(|()| path.display().to_string())
    };
    let mut settings = format!(
        "listeners.ssl.1 = 127.0.0.1:{}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n",
        run.ports().amqps(),
        file("server.pem", &tls.identity.certificate)?,
        file("server.key", &tls.identity.key)?,
    );
    settings += &match &tls.clients {
        Some(authority) => format!(
            "ssl_options.cacertfile = {}\nssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = true\n",
            file("clients.pem", authority)?
        ),
        None => "ssl_options.verify = verify_none\n".to_owned(),
    };
    Ok(settings)
}

/// The node finds nothing but what is in its own directory.
fn environment(run: &Run) -> Vec<(&'static str, String)> {
    let dir = dir(run);
    let path = |name: &str| dir.join(name).display().to_string();
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    vec![
        ("HOME", path("home")),
        ("HOSTNAME", "localhost".to_owned()),
        ("RABBITMQ_NODENAME", NODE.to_owned()),
        ("RABBITMQ_DIST_PORT", run.ports().distribution().to_string()),
        ("ERL_EPMD_PORT", run.ports().epmd().to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.to_owned()),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_PID_FILE", path("node.pid")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", path("generated")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
    ]
}

fn launch(run: &Run, script: &Path, log: &Path) -> Result<Process> {
    Process::start(&Launch {
        program: script,
        args: Vec::new(),
        env: environment(run),
        forget_env: FORGET,
        dir: &dir(run),
        log,
        user: None,
        group_file: run.group_file("rabbitmq"),
        stop_signal: "KILL",
    })
}

/// A name server of our own, in front: one that Erlang starts by itself outlives the node.
fn start_epmd(run: &Run, log: &Path) -> Result<Process> {
    let program = find::epmd().ok_or_else(|| Error::NoServer {
        server: NAME,
        tried: vec!["Erlang's epmd is neither on the PATH nor beside erl".to_owned()],
        advice: "Put the directory with Erlang's programs on the PATH.",
    })?;
    let port = run.ports().epmd().to_string();
    Process::start(&Launch {
        program: &program,
        args: ["-port", &port, "-address", "127.0.0.1"].map(str::to_owned).to_vec(),
        env: Vec::new(),
        forget_env: FORGET,
        dir: &dir(run),
        log,
        user: None,
        group_file: run.group_file("epmd"),
        stop_signal: "KILL",
    })
}
