//! The options of bringing servers up.

use std::fmt;
use std::sync::Arc;

/// Receives a line for each step of bringing servers up.
pub(crate) type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// The TLS settings of a server.
#[derive(Clone)]
pub(crate) struct ServerTls {
    pub(crate) identity: TlsIdentity,
    /// The authority for clients' certificates. If it is set, the broker asks for one.
    pub(crate) clients: Option<String>,
}

/// The options of bringing up servers that the environment does not name.
#[derive(Clone)]
pub struct Options {
    pub(crate) fast: bool,
    pub(crate) nodes: usize,
    pub(crate) small_disks: bool,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) progress: Progress,
}

impl Options {
    /// Options for people and measurements: Postgres writes through to the disk.
    #[must_use]
    pub fn durable() -> Self {
        let progress: Progress = Arc::new(|line| eprintln!("{line}"));
        Self { fast: false, nodes: 1, small_disks: false, tls: None, progress }
    }

    /// Options for tests: Postgres survives `kill -9` but no power cut, and seldom looks for tables to vacuum; the
    /// broker updates its statistics more often, and does not spin when it is idle.
    #[must_use]
    pub fn fast() -> Self {
        Self { fast: true, ..Self::durable() }
    }

    /// Makes our own broker a cluster of this number of nodes; from local programs only.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes: nodes.max(1), ..self }
    }

    /// Gives each of our own servers a disk that can be filled; from local programs, for root on Linux only.
    #[must_use]
    pub fn small_disks(self) -> Self {
        Self { small_disks: true, ..self }
    }

    /// Makes servers from local programs accept TLS, too, with this certificate.
    #[must_use]
    pub fn tls(self, identity: &TlsIdentity) -> Self {
        Self { tls: Some(ServerTls { identity: identity.clone(), clients: None }), ..self }
    }

    /// Makes the broker ask TLS clients for a certificate that the authority with this certificate has signed.
    #[must_use]
    pub fn client_authority(mut self, certificate: &str) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.clients = Some(certificate.to_owned());
        }
        self
    }

    /// Reports the steps to this function, line by line, instead of to standard error.
    #[must_use]
    pub fn progress(self, report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { progress: Arc::new(report), ..self }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("fast", &self.fast)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}
