//! The options of bringing servers up.

use std::fmt;
use std::sync::Arc;

/// Gets a line for each step of bringing servers up.
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

#[derive(Clone)]
pub(crate) struct ServerTls {
    pub(crate) identity: TlsIdentity,
    /// Signs clients' certificates, which the broker then requires.
    pub(crate) clients: Option<String>,
}

/// Options for servers that the environment does not name.
#[derive(Clone)]
pub struct Options {
    pub(crate) fast: bool,
    pub(crate) nodes: usize,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) progress: Progress,
}

impl Options {
    /// For people and measurements: Postgres writes through to the disk.
    #[must_use]
    pub fn durable() -> Self {
        let progress: Progress = Arc::new(|line| eprintln!("{line}"));
        Self { fast: false, nodes: 1, tls: None, progress }
    }

    /// For tests: Postgres survives `kill -9` but no power cut, and rarely looks for tables to vacuum. The broker
    /// updates statistics more often, and does not spin.
    #[must_use]
    pub fn fast() -> Self {
        Self { fast: true, ..Self::durable() }
    }

    /// Makes our own broker a cluster of this many nodes, from local programs.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes: nodes.max(1), ..self }
    }

    /// Makes servers from local programs also accept TLS with this certificate.
    #[must_use]
    pub fn tls(self, identity: &TlsIdentity) -> Self {
        Self { tls: Some(ServerTls { identity: identity.clone(), clients: None }), ..self }
    }

    /// Makes the broker require a client certificate that this authority has signed. The certificate may also log in
    /// the user of its name (EXTERNAL).
    #[must_use]
    pub fn client_authority(mut self, certificate: &str) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.clients = Some(certificate.to_owned());
        }
        self
    }

    /// Reports the steps to this function instead of standard error.
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
