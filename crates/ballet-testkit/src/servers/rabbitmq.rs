use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use reqwest::{Method, Url};
use rustix::process::Signal;

use crate::error::{Error, Result};
use crate::management::Management;
use crate::servers::ports::Ports;
use crate::servers::rabbitmq_node::Node;
use crate::servers::rabbitmq_seat::Seat;
use crate::servers::run::Run;
use crate::servers::version::{self, Version};
use crate::servers::way::{self, Way};
use crate::servers::{Backend, Options, install};
use crate::{url, wait_until};

const NAME: &str = "RabbitMQ";
/// In `compose.yaml`.
const SERVICE: &str = "rabbitmq";
/// The administrator of servers that we bring up.
pub(crate) const OPS: &str = "ops";
const PATIENCE: Duration = Duration::from_secs(120);
/// For one attempt to log in, and how many there are.
const LOG_IN: Duration = Duration::from_secs(8);
const LOG_INS: u32 = 8;

/// A RabbitMQ, or one node of a cluster, with an administrator's access.
#[derive(Debug)]
pub struct RabbitMq {
    access: Access,
    version: Version,
    backend: Backend<Node>,
}

/// The administrator's ways in.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) amqp: Url,
    pub(crate) management: Management,
}

impl Access {
    fn ours(run: &Run, ports: &Ports) -> Result<Self> {
        let amqp = url::local("amqp", OPS, run.password(), ports.amqp(), "%2f")?;
        let base = url::local("http", "", "", ports.management(), "")?;
        let management = Management::new(base, (OPS.to_owned(), run.password().to_owned()))?;
        Ok(Self { amqp, management })
    }

    /// Says the version once both protocols let the administrator in.
    pub(crate) async fn check(&self) -> Result<Version> {
        let connection = log_in(&self.amqp).await?;
        connection.close(200, "seen".into()).await.map_err(|error| amqp(&self.amqp, &error))?;
        let overview = self.management.call(Method::GET, &["overview"], None).await?;
        let text = overview["rabbitmq_version"].as_str().unwrap_or_default();
        version::parse(text).ok_or_else(|| Error::Server {
            what: "reading the version".to_owned(),
            place: self.management.url().to_owned(),
            cause: format!("it says {text:?}"),
            advice: "is that RabbitMQ's management API?",
        })
    }
}

impl RabbitMq {
    /// The administrator's URL.
    pub fn amqp_url(&self) -> &str {
        self.access.amqp.as_str()
    }

    /// Where the console and the management API are, without credentials.
    pub fn management_url(&self) -> &str {
        self.access.management.url()
    }

    /// The administrator's management API, with the vhost `/` in view.
    pub fn management(&self) -> &Management {
        &self.access.management
    }

    /// The version that runs.
    pub fn version(&self) -> Version {
        self.version
    }

    /// As the nodes of a cluster name it, where it is a node on this machine.
    pub fn node_name(&self) -> Option<String> {
        self.backend.local().map(Node::name)
    }

    /// The same URL at this node.
    ///
    /// # Errors
    ///
    /// If it is no URL of a broker.
    pub fn at_this_node(&self, amqp_url: &str) -> Result<String> {
        let mut url = url::parse("AMQP_URL", amqp_url, &["amqp"])?;
        // These fail only for URLs without a host.
        url.set_host(self.access.amqp.host_str()).ok();
        url.set_port(self.access.amqp.port()).ok();
        Ok(url.into())
    }

    /// Whether it is ours alone and ends with us.
    pub fn is_private(&self) -> bool {
        !matches!(self.backend, Backend::External)
    }

    /// The port for TLS, if it was asked for and could be had.
    pub fn tls_port(&self) -> Option<u16> {
        self.backend.local().and_then(Node::tls_port)
    }

    /// Its log, where it is a file on this machine.
    pub fn log(&self) -> Option<&Path> {
        self.backend.local().map(Node::log)
    }

    /// Its processes, the server first; none where they are not ours or in a container.
    pub async fn pids(&self) -> Vec<i32> {
        match self.backend.local() {
            Some(node) => node.pids().await,
            None => Vec::new(),
        }
    }

    /// `kill -9`: returns when the process is gone.
    ///
    /// What was declared is on disk by then. 3.10.8 writes its lists of queues and bindings with a
    /// delay of seconds, and a queue that was declared just before a kill may come back without
    /// its bindings, or not at all; those of a broker that is killed have mostly been there longer
    /// than those of a test.
    pub async fn kill(&self) -> Result<()> {
        if let Backend::Local(node) = &self.backend {
            let sync = "lists:foreach(fun dets:sync/1, dets:all()), mnesia:sync_log().";
            node.control(&["eval", sync]).await?;
        }
        match &self.backend {
            Backend::External => Err(Error::NotPrivate { server: NAME, action: "kill" }),
            Backend::Containers(containers) => containers.kill(SERVICE).await,
            Backend::Local(node) => node.kill().await,
        }
    }

    /// Starts a killed server again, on the same ports and data; returns when it is ready.
    pub async fn start(&self) -> Result<()> {
        match &self.backend {
            Backend::External => Err(Error::NotPrivate { server: NAME, action: "start" }),
            Backend::Containers(containers) => {
                containers.start(SERVICE).await?;
                wait_until("RabbitMQ to be ready", PATIENCE, || ready(&self.access)).await.map(drop)
            }
            Backend::Local(node) => node.start_again(&self.access).await,
        }
    }

    /// Stops the process in its tracks: connections stay open and nothing answers.
    pub async fn freeze(&self) -> Result<()> {
        self.signal("freeze", Signal::STOP).await
    }

    /// Ends [`RabbitMq::freeze`].
    pub async fn thaw(&self) -> Result<()> {
        self.signal("thaw", Signal::CONT).await
    }

    /// Runs `rabbitmqctl` for a private node, and gives what it says.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        let action = "control";
        let node = self.backend.local().ok_or(Error::NotPrivate { server: NAME, action })?;
        node.control(arguments).await
    }

    async fn signal(&self, action: &'static str, signal: Signal) -> Result<()> {
        let node = self.backend.local().ok_or(Error::NotPrivate { server: NAME, action })?;
        node.signal(signal).await;
        Ok(())
    }

    pub(crate) fn url(&self) -> &Url {
        &self.access.amqp
    }

    /// Uses the server that the environment names.
    pub(crate) async fn external(amqp: &str, management: Option<&str>) -> Result<Self> {
        let amqp = url::parse("AMQP_URL", amqp, &["amqp"])?;
        let base = match management {
            Some(named) => url::parse("RABBITMQ_MANAGEMENT_URL", named, &["http"])?,
            None => {
                let host = amqp.host_str().unwrap_or("127.0.0.1");
                url::parse("AMQP_URL", &format!("http://{host}:15672"), &["http"])?
            }
        };
        let guest = || ("guest".to_owned(), "guest".to_owned());
        let login = url::credentials(&base).or_else(|| url::credentials(&amqp));
        let management =
            Management::new(url::without_credentials(base), login.unwrap_or_else(guest))?;
        let access = Access { amqp, management };
        let version = access.check().await?;
        version::check_rabbitmq(version, &url::masked(&access.amqp))?;
        Ok(Self { access, version, backend: Backend::External })
    }

    /// Brings one up that is ours alone.
    pub(crate) async fn bring_up(run: &Arc<Run>, options: &Options) -> Result<Self> {
        let access = Access::ours(run, run.ports())?;
        let (version, backend) = match way::find(run, &install::RABBITMQ, &options.progress).await?
        {
            Way::Local(script) => {
                let place = script.display().to_string();
                (options.progress)(&format!("RabbitMQ: starting a private node from {place}"));
                let seat = Seat::first(run);
                let (node, version) = Node::start(seat, script, options, &access).await?;
                version::check_rabbitmq(version, &place)?;
                (version, Backend::Local(node))
            }
            Way::Containers(containers) => {
                containers.up(SERVICE, &options.progress).await?;
                let limit = PATIENCE;
                let version = wait_until("RabbitMQ to be ready", limit, || ready(&access)).await?;
                (version, Backend::Containers(containers))
            }
        };
        let console = access.management.url();
        (options.progress)(&format!("RabbitMQ: {version} is ready, its console is {console}"));
        Ok(Self { access, version, backend })
    }

    /// Brings up the cluster's other nodes, and waits until all are one.
    pub(crate) async fn others(&self, run: &Arc<Run>, options: &Options) -> Result<Vec<Self>> {
        if options.nodes == 1 {
            return Ok(Vec::new());
        }
        let first = self.backend.local().ok_or_else(|| Error::NoServer {
            server: "cluster of RabbitMQ nodes",
            tried: vec!["a cluster needs programs that are installed here".to_owned()],
            advice: "Install rabbitmq-server 3.10 or newer.",
        })?;
        let others = (2..=options.nodes).map(|number| async move {
            let seat = Seat::further(run, number)?;
            let access = Access::ours(run, seat.ports())?;
            let script = first.script().to_owned();
            let (node, version) = Node::start(seat, script, options, &access).await?;
            Ok(Self { access, version, backend: Backend::Local(node) })
        });
        let others = futures_util::future::try_join_all(others).await?;
        wait_until("the nodes to be one cluster", PATIENCE, || async {
            let nodes = self.management().call(Method::GET, &["nodes"], None).await?;
            let running = |node: &&serde_json::Value| node["running"] == true;
            let count = nodes.as_array().into_iter().flatten().filter(running).count();
            Ok::<_, Error>((count == options.nodes).then_some(()))
        })
        .await?;
        // A vhost that is made while a node still boots is not started there, ever: the import then
        // goes on after 45 s without a word, and without its administrator's permission.
        let all = std::iter::once(self).chain(&others);
        let booted = all.map(|node| node.control(&["await_startup"]));
        futures_util::future::try_join_all(booted).await?;
        (options.progress)(&format!("RabbitMQ: {} nodes are one cluster", options.nodes));
        Ok(others)
    }
}

async fn ready(access: &Access) -> Result<Option<Version>> {
    access.check().await.map(Some)
}

/// Opens a connection under a name that says who it is.
pub(crate) async fn log_in(url: &Url) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name("ballet-testkit".into());
    // Under load lapin 4.12 now and then waits for ever on a port that nobody listens on.
    for _ in 0..LOG_INS {
        let opening = Connection::connect(url.as_str(), properties.clone());
        if let Ok(connection) = tokio::time::timeout(LOG_IN, opening).await {
            return connection.map_err(|error| amqp(url, &error));
        }
    }
    Err(amqp(url, &format!("{LOG_INS} times no answer within {LOG_IN:?}")))
}

pub(crate) fn amqp(url: &Url, cause: &dyn fmt::Display) -> Error {
    Error::Server {
        what: "AMQP".to_owned(),
        place: url::masked(url),
        cause: cause.to_string(),
        advice: "is the broker up, and may that user log in there?",
    }
}
