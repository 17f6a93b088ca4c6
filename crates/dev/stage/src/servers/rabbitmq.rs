//! A RabbitMQ for tests: found or brought up, killed and frozen on request.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Method;
use rustix::process::Signal;
use url::Url;

use crate::error::{Error, Result};
use crate::management::ManagementClient;
use crate::servers::backend::{self, Backend, BackendKind, PATIENCE};
use crate::servers::install;
use crate::servers::node_home::NodeHome;
use crate::servers::options::Options;
use crate::servers::rabbitmq_access::RabbitMqAccess;
use crate::servers::rabbitmq_node::{NAME, RabbitMqNode};
use crate::servers::server_set::ServerSet;
use crate::servers::source::{self, ServerSource};
use crate::servers::version::{self, ServerVersion};
use crate::urls;
use crate::wait::wait_until;

/// A RabbitMQ, or one node of a cluster, with an administrator's access.
#[derive(Debug)]
pub struct RabbitMq {
    access: RabbitMqAccess,
    version: ServerVersion,
    metrics: String,
    backend: Backend,
    /// The node, if it runs on this machine.
    node: Option<RabbitMqNode>,
}

impl RabbitMq {
    /// Returns the administrator's URL.
    pub fn amqp_url(&self) -> &str {
        self.access.amqp.as_str()
    }

    /// Returns the address of the console and the management API, without credentials.
    pub fn management_url(&self) -> &str {
        self.access.management.url()
    }

    /// Returns the address at which it serves its metrics to Prometheus, without a path.
    pub fn metrics_url(&self) -> &str {
        &self.metrics
    }

    /// Returns the administrator's management API, for the vhost `/`.
    pub fn management(&self) -> &ManagementClient {
        &self.access.management
    }

    /// Returns the version that runs.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Returns the node's name in its cluster, if it runs on this machine.
    pub fn node_name(&self) -> Option<String> {
        self.node.as_ref().map(RabbitMqNode::name)
    }

    /// Returns a URL of the broker with this node's host and port.
    pub fn at_this_node(&self, amqp_url: &str) -> Result<String> {
        let mut url = urls::parse("AMQP_URL", amqp_url, &["amqp"])?;
        // These fail only for URLs without a host.
        url.set_host(self.access.amqp.host_str()).ok();
        url.set_port(self.access.amqp.port()).ok();
        Ok(url.into())
    }

    /// Whether it was brought up for us, and ends with us.
    pub fn is_private(&self) -> bool {
        self.backend.is_private()
    }

    /// Returns the port for TLS, if there is one.
    pub fn tls_port(&self) -> Option<u16> {
        self.node.as_ref().and_then(RabbitMqNode::tls_port)
    }

    /// Returns its log, if it is a file on this machine.
    pub fn log(&self) -> Option<&Path> {
        self.backend.log()
    }

    /// Returns its processes, the server first. Empty if they are not ours, or in a container.
    pub async fn pids(&self) -> Vec<i32> {
        let epmd = self.node.as_ref().and_then(RabbitMqNode::epmd);
        self.backend.pid().await.into_iter().chain(epmd).collect()
    }

    /// Kills the process with `kill -9`, and waits until it is gone.
    ///
    /// Declarations are written to disk first. RabbitMQ 3.10.8 writes its lists of queues and bindings seconds later,
    /// so a new queue may come back without its bindings, or not at all. Outside of tests queues are older.
    pub async fn kill(&self) -> Result<()> {
        if let Some(node) = &self.node {
            let sync = "lists:foreach(fun dets:sync/1, dets:all()), mnesia:sync_log().";
            node.control(&["eval", sync]).await?;
        }
        self.backend.kill().await
    }

    /// Starts a killed server again, on the same ports and data, and waits until it is ready.
    pub async fn start(&self) -> Result<()> {
        self.backend.start(|| self.access.check()).await
    }

    /// Starts the server again if it has ended, and waits until it is ready.
    pub async fn revive(&self) -> Result<()> {
        if self.backend.is_running().await { Ok(()) } else { self.start().await }
    }

    /// Freezes the process: connections stay open and nothing answers.
    pub async fn freeze(&self) -> Result<()> {
        self.backend.signal("freeze", Signal::STOP).await
    }

    /// Ends [`RabbitMq::freeze`].
    pub async fn thaw(&self) -> Result<()> {
        self.backend.signal("thaw", Signal::CONT).await
    }

    /// Runs `rabbitmqctl` for a private node, and returns its output.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        let node = self.node.as_ref().ok_or_else(|| self.backend.refuses("control"))?;
        node.control(arguments).await
    }

    pub(crate) fn url(&self) -> &Url {
        &self.access.amqp
    }

    pub(crate) async fn external(
        amqp: &str,
        management: Option<&str>,
        metrics: Option<String>,
    ) -> Result<Self> {
        let amqp = urls::parse("AMQP_URL", amqp, &["amqp"])?;
        let mut base = match management {
            Some(named) => urls::parse("RABBITMQ_MANAGEMENT_URL", named, &["http"])?,
            None => {
                let host = amqp.host_str().unwrap_or("127.0.0.1");
                urls::parse("AMQP_URL", &format!("http://{host}:15672"), &["http"])?
            }
        };
        if base.username().is_empty() {
            let (user, password) = match amqp.username() {
                "" => ("guest", "guest"),
                user => (user, amqp.password().unwrap_or_default()),
            };
            // These fail only for URLs without a host.
            base.set_username(user).ok();
            base.set_password(Some(password)).ok();
        }
        let management = ManagementClient::new(base);
        let access = RabbitMqAccess { amqp, management };
        let version = access.check().await;
        let unusable = |why| Error::Named { name: "AMQP_URL", why: Box::new(why) };
        let version = version.map_err(unusable)?;
        version::check_rabbitmq(version, &urls::masked(&access.amqp))?;
        let host = access.amqp.host_str().unwrap_or("127.0.0.1");
        let metrics = metrics.unwrap_or_else(|| format!("http://{host}:15692"));
        let backend = Backend { server: NAME, kind: BackendKind::External };
        Ok(Self { access, version, metrics, backend, node: None })
    }

    pub(crate) async fn bring_up(set: &Arc<ServerSet>, options: &Options) -> Result<Self> {
        let started = match source::find(set, &install::RABBITMQ, &options.progress).await? {
            ServerSource::Local(script) => {
                let place = script.display().to_string();
                (options.progress)(&format!("RabbitMQ: starting a private node from {place}"));
                let started = Self::node(NodeHome::first(set), script, options).await?;
                version::check_rabbitmq(started.version, &place)?;
                started
            }
            ServerSource::Containers(containers) => {
                let access = RabbitMqAccess::ours(set, set.ports())?;
                containers.up("rabbitmq", &options.progress).await?;
                let version = backend::ready(NAME, || access.check()).await?;
                let metrics = format!("http://127.0.0.1:{}", set.ports().prometheus());
                let backend = Backend { server: NAME, kind: BackendKind::Containers(containers) };
                Self { access, version, metrics, backend, node: None }
            }
        };
        let (version, console) = (started.version, started.management_url());
        (options.progress)(&format!("RabbitMQ: {version} is ready, its console is {console}"));
        Ok(started)
    }

    async fn node(home: NodeHome, script: PathBuf, options: &Options) -> Result<Self> {
        let access = RabbitMqAccess::ours(&home.set, home.ports())?;
        let metrics = format!("http://127.0.0.1:{}", home.ports().prometheus());
        let (node, server, version) = RabbitMqNode::start(home, script, options, &access).await?;
        let backend = Backend { server: NAME, kind: BackendKind::Local(Box::new(server)) };
        Ok(Self { access, version, metrics, backend, node: Some(node) })
    }

    /// Waits until all other nodes have joined.
    pub(crate) async fn others(
        &self,
        set: &Arc<ServerSet>,
        options: &Options,
    ) -> Result<Vec<Self>> {
        if options.nodes == 1 {
            return Ok(Vec::new());
        }
        let first = self.node.as_ref().ok_or_else(|| Error::NoServer {
            server: "cluster of RabbitMQ nodes",
            tried: vec!["a cluster needs programs that are installed here".to_owned()],
            advice: "Install rabbitmq-server 3.10 or newer.",
        })?;
        let others = (2..=options.nodes).map(|number| async move {
            Self::node(NodeHome::further(set, number)?, first.script.clone(), options).await
        });
        let others = futures_util::future::try_join_all(others).await?;
        wait_until("the nodes to be one cluster", PATIENCE, || async {
            let nodes = self.management().call(Method::GET, &["nodes"], None).await?;
            let running = |node: &&serde_json::Value| node["running"] == true;
            let count = nodes.as_array().into_iter().flatten().filter(running).count();
            Ok::<_, Error>((count == options.nodes).then_some(()))
        })
        .await?;
        // A vhost created while a node boots is never started there. An import then ends after 45 s without an error
        // and without its administrator's permission.
        let all = std::iter::once(self).chain(&others);
        let booted = all.map(|node| node.control(&["await_startup"]));
        futures_util::future::try_join_all(booted).await?;
        (options.progress)(&format!("RabbitMQ: {} nodes are one cluster", options.nodes));
        Ok(others)
    }
}
