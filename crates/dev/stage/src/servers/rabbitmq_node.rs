//! A private RabbitMQ node, with Erlang's programs beside it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::{Error, Result, machine};
use crate::servers::backend::LocalServer;
use crate::servers::find;
use crate::servers::in_memory;
use crate::servers::node_home::{FORGET, NodeHome};
use crate::servers::options::Options;
use crate::servers::process::{ServerLaunch, ServerProcess, forget_env};
use crate::servers::rabbitmq_access::RabbitMqAccess;
use crate::servers::version::ServerVersion;

pub(crate) const NAME: &str = "RabbitMQ";

/// The first node of a set has Erlang's name server.
#[derive(Debug)]
pub(crate) struct RabbitMqNode {
    home: NodeHome,
    pub(crate) script: PathBuf,
    fast: bool,
    tls: bool,
    epmd: Option<ServerProcess>,
}

impl RabbitMqNode {
    pub(crate) async fn start(
        home: NodeHome,
        script: PathBuf,
        options: &Options,
        access: &RabbitMqAccess,
    ) -> Result<(Self, LocalServer, ServerVersion)> {
        home.prepare(options, find::installed_version(&script))?;
        if options.fast {
            in_memory::link(&home.dir().join("data"), None)?;
        }
        let epmd = if home.is_first() { Some(start_epmd(&home)?) } else { None };
        let (fast, tls) = (options.fast, options.tls.is_some());
        let launch = launch(&home, &script, &home.label(), home.environment(fast));
        let started = LocalServer::start(NAME, &home.set, launch, || access.check());
        let (server, version) = started.await?;
        Ok((Self { home, script, fast, tls, epmd }, server, version))
    }

    pub(crate) fn name(&self) -> String {
        self.home.node()
    }

    pub(crate) fn tls_port(&self) -> Option<u16> {
        self.tls.then(|| self.home.ports().amqps())
    }

    pub(crate) fn epmd(&self) -> Option<i32> {
        self.epmd.as_ref().map(ServerProcess::id)
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
            // The command would listen on the server's port.
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
}

fn launch(
    home: &NodeHome,
    program: &Path,
    label: &str,
    env: Vec<(&'static str, String)>,
) -> ServerLaunch {
    ServerLaunch {
        program: program.to_owned(),
        args: Vec::new(),
        env,
        forget_env: FORGET,
        dir: home.dir(),
        log: home.log(),
        user: None,
        group_file: home.set.group_file(label),
        stop_signal: "KILL",
    }
}

/// Starts before the node: a name server that Erlang starts would outlive it.
fn start_epmd(home: &NodeHome) -> Result<ServerProcess> {
    let program = find::epmd().ok_or_else(|| Error::NoServer {
        server: NAME,
        tried: vec!["Erlang's epmd is neither on the PATH nor beside erl".to_owned()],
        advice: "Put the directory with Erlang's programs on the PATH.",
    })?;
    let port = home.set.ports().epmd().to_string();
    let args = ["-port", &port, "-address", "127.0.0.1"].map(str::to_owned).to_vec();
    ServerProcess::start(&ServerLaunch { args, ..launch(home, &program, "epmd", Vec::new()) })
}
