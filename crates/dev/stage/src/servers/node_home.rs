//! A private RabbitMQ node's directory, name, ports, and configuration.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Result, machine};
use crate::servers::options::{Options, ServerTls};
use crate::servers::ports::Ports;
use crate::servers::rabbitmq_access::OPS;
use crate::servers::server_set::{ServerSet, write_secret};
use crate::servers::version::ServerVersion;

/// The user's own broker and Erlang's settings must not reach ours.
pub(crate) const FORGET: &str = "RABBITMQ_ ERL_ NODENAME CONF_ENV_FILE";

/// Makes the node listen on this machine only.
const LOOPBACK: &str = "-kernel inet_dist_use_interface {127,0,0,1}";
/// By default an idle scheduler first spins, which takes processor time from tests. Measurements keep the default, as
/// users do.
const NO_SPINNING: &str = "+sbwt none +sbwtdcpu none +sbwtdio none ";

/// Tests wait for the management API's numbers and lists, by default five seconds old.
fn statistics(version: Option<ServerVersion>) -> String {
    let tick = if may_tick_early(version) { "{quorum_tick_interval, 1000}, " } else { "" };
    // Confirms come before the sync: what a killed node wrote is there anyway.
    let sync = if is_3(version) { "{ra, [{wal_write_strategy, sync_after_notify}]}," } else { "" };
    format!(
        "[
  {{rabbit, [{tick}{{collect_statistics_interval, 1500}}]}}, {sync}
  {{rabbitmq_management, [{{sample_retention_policies,
    [{{global, [{{605, 1}}]}}, {{basic, [{{605, 1}}]}}, {{detailed, [{{605, 1}}]}}]}}]}}
].
"
    )
}

/// In version 3 a queue whose numbers are read before its first entry is written, half a second on a busy machine,
/// crashes permanently (seen on 3.10.8: `rabbit_quorum_queue:handle_tick`).
fn is_3(version: Option<ServerVersion>) -> bool {
    version.is_some_and(|version| version.major == 3)
}

/// In 4.0.0 to 4.0.5 a queue crashes when its numbers are read before it is set up (rabbitmq-server#12950), and many
/// such crashes keep the broker from making any queue (rabbitmq-server#16652). There the broker's interval stays.
fn may_tick_early(version: Option<ServerVersion>) -> bool {
    version.is_some_and(|version| (version.major, version.minor) != (4, 0) || version.patch > 5)
}

#[derive(Debug)]
pub(crate) struct NodeHome {
    pub(crate) set: Arc<ServerSet>,
    number: usize,
    /// The first node has those of the set.
    own_ports: Option<Ports>,
}

impl NodeHome {
    pub(crate) fn first(set: &Arc<ServerSet>) -> Self {
        Self { set: Arc::clone(set), number: 1, own_ports: None }
    }

    pub(crate) fn further(set: &Arc<ServerSet>, number: usize) -> Result<Self> {
        Ok(Self { set: Arc::clone(set), number, own_ports: Some(Ports::reserve()?) })
    }

    pub(crate) fn is_first(&self) -> bool {
        self.own_ports.is_none()
    }

    pub(crate) fn ports(&self) -> &Ports {
        self.own_ports.as_ref().unwrap_or_else(|| self.set.ports())
    }

    pub(crate) fn label(&self) -> String {
        if self.is_first() { "rabbitmq".to_owned() } else { format!("rabbitmq-{}", self.number) }
    }

    pub(crate) fn node(&self) -> String {
        let number = if self.is_first() { String::new() } else { format!("-{}", self.number) };
        format!("ballet{number}@localhost")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.set.dir().join(self.label())
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.set.dir().join(format!("{}.log", self.label()))
    }

    /// All nodes share it for Erlang's cookie.
    fn home(&self) -> PathBuf {
        self.set.dir().join("erlang")
    }

    pub(crate) fn prepare(&self, options: &Options, version: Option<ServerVersion>) -> Result<()> {
        let dir = self.dir();
        for new in [&dir, &self.home()] {
            fs::create_dir_all(new).map_err(machine(format!("create {}", new.display())))?;
        }
        let ports = self.ports();
        let mut settings = format!(
            "{}\n# For this private node.\n\
             listeners.tcp.1 = 127.0.0.1:{}\n\
             management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {}\n\
             prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {}\n\
             default_user = {OPS}\ndefault_pass = {}\n",
            include_str!("../../broker/rabbitmq.conf"),
            ports.amqp(),
            ports.management(),
            ports.prometheus(),
            self.set.password(),
        );
        if options.nodes > 1 {
            settings += &self.cluster_settings();
        }
        if let Some(tls) = &options.tls {
            settings += &self.tls_settings(tls)?;
        }
        write_secret(&dir.join("rabbitmq.conf"), &settings)?;
        let mut plugins = include_str!("../../broker/enabled_plugins").to_owned();
        if options.tls.as_ref().is_some_and(|tls| tls.clients.is_some()) {
            plugins = plugins.replace("].", ",rabbitmq_auth_mechanism_ssl].");
        }
        write_secret(&dir.join("enabled_plugins"), &plugins)?;
        let advanced = if options.fast { statistics(version) } else { "[].\n".to_owned() };
        write_secret(&dir.join("advanced.config"), &advanced)
    }

    /// A further node joins the first at its first start.
    fn cluster_settings(&self) -> String {
        let mut settings = "cluster_partition_handling = pause_minority\n".to_owned();
        if !self.is_first() {
            settings += &format!(
                "cluster_formation.peer_discovery_backend = classic_config\n\
                 cluster_formation.classic_config.nodes.1 = {}\n\
                 cluster_formation.classic_config.nodes.2 = {}\n",
                Self::first(&self.set).node(),
                self.node(),
            );
        }
        settings
    }

    fn tls_settings(&self, tls: &ServerTls) -> Result<String> {
        let file = |name: &str, text: &str| {
            let path = self.dir().join(name);
            write_secret(&path, text).map(|()| path.display().to_string())
        };
        let mut settings = format!(
            "listeners.ssl.1 = 127.0.0.1:{}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n",
            self.ports().amqps(),
            file("server.pem", &tls.identity.certificate)?,
            file("server.key", &tls.identity.key)?,
        );
        settings += &match &tls.clients {
            Some(authority) => format!(
                "ssl_options.cacertfile = {}\nssl_options.verify = verify_peer\n\
                 ssl_options.fail_if_no_peer_cert = true\nssl_cert_login_from = common_name\n\
                 auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\n",
                file("clients.pem", authority)?
            ),
            None => "ssl_options.verify = verify_none\n".to_owned(),
        };
        Ok(settings)
    }

    /// They keep the node within its directory.
    pub(crate) fn environment(&self, fast: bool) -> Vec<(&'static str, String)> {
        let dir = self.dir();
        let spinning = if fast { NO_SPINNING } else { "" };
        let path = |name: &str| dir.join(name).display().to_string();
        vec![
            ("HOME", self.home().display().to_string()),
            ("HOSTNAME", "localhost".to_owned()),
            ("RABBITMQ_NODENAME", self.node()),
            ("RABBITMQ_DIST_PORT", self.ports().distribution().to_string()),
            ("ERL_EPMD_PORT", self.set.ports().epmd().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("{spinning}{LOOPBACK}")),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_come_often_where_that_breaks_nothing() {
        let version = |major, minor, patch| Some(ServerVersion { major, minor, patch });
        for often in [version(3, 10, 8), version(4, 0, 6), version(4, 2, 0)] {
            assert!(statistics(often).contains("quorum_tick_interval"), "{often:?}");
            assert_eq!(statistics(often).contains("wal_write_strategy"), is_3(often), "{often:?}");
        }
        for seldom in [version(4, 0, 0), version(4, 0, 5), None] {
            assert!(!statistics(seldom).contains("quorum_tick_interval"), "{seldom:?}");
        }
    }
}
