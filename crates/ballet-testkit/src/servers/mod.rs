//! RabbitMQ and Postgres to work with: named by the environment, or brought up for us alone.

mod docker;
mod find;
mod install;
mod ports;
pub(crate) mod postgres;
mod postgres_node;
mod process;
pub(crate) mod rabbitmq;
mod rabbitmq_node;
mod rabbitmq_seat;
mod run;
mod user;
mod version;
mod way;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::tls::{Authority, Identity, ServerTls};
use docker::Containers;
pub use postgres::Postgres;
pub(crate) use rabbitmq::OPS;
pub use rabbitmq::RabbitMq;
use run::Run;
pub use version::Version;

pub(crate) type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How servers are brought up, where they must be.
#[derive(Clone)]
pub struct Options {
    fast: bool,
    nodes: usize,
    definitions: Option<Value>,
    tls: Option<ServerTls>,
    progress: Progress,
}

impl Options {
    /// For people and measurements: Postgres writes through to the disk.
    #[must_use]
    pub fn durable() -> Self {
        let progress: Progress = Arc::new(|line| eprintln!("{line}"));
        Self { fast: false, nodes: 1, definitions: None, tls: None, progress }
    }

    /// For tests: Postgres survives `kill -9`, but not a power cut, and the broker counts its
    /// messages more often.
    #[must_use]
    pub fn fast() -> Self {
        Self { fast: true, ..Self::durable() }
    }

    /// A broker of our own is a cluster of so many nodes; from local programs only.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes: nodes.max(1), ..self }
    }

    /// A broker of our own loads this document when it starts; from local programs only.
    #[must_use]
    pub fn definitions(self, document: Value) -> Self {
        Self { definitions: Some(document), ..self }
    }

    /// Servers from local programs take TLS as well, and show this.
    #[must_use]
    pub fn tls(self, identity: &Identity) -> Self {
        Self { tls: Some(ServerTls { identity: identity.clone(), clients: None }), ..self }
    }

    /// The broker asks those who come with TLS for a certificate, signed by this authority.
    #[must_use]
    pub fn client_authority(mut self, authority: &Authority) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.clients = Some(authority.certificate().to_owned());
        }
        self
    }

    /// Who hears what is being done, line by line, instead of standard error.
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

/// A RabbitMQ and a Postgres.
///
/// What was brought up for them is gone after [`Servers::stop`]; a moment after the value is
/// dropped; and also a moment after this process was killed.
#[derive(Debug)]
pub struct Servers {
    rabbitmq: RabbitMq,
    /// The further nodes of a cluster.
    others: Vec<RabbitMq>,
    postgres: Postgres,
    run: Option<Arc<Run>>,
}

/// Whose a server is.
#[derive(Debug)]
pub(crate) enum Backend<Node> {
    External,
    Local(Node),
    Containers(Containers),
}

impl<Node> Backend<Node> {
    pub(crate) fn local(&self) -> Option<&Node> {
        match self {
            Self::Local(node) => Some(node),
            Self::External | Self::Containers(_) => None,
        }
    }
}

impl Servers {
    /// Uses the servers named by `AMQP_URL` (with `RABBITMQ_MANAGEMENT_URL`) and `DATABASE_URL`;
    /// brings up those that are not named: from local programs (`BALLET_RABBITMQ_BIN` and
    /// `BALLET_POSTGRES_BIN` name their directories), with Docker, or by installing them.
    pub async fn acquire(options: Options) -> Result<Self> {
        let named = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
        let amqp = named("AMQP_URL");
        let management = named("RABBITMQ_MANAGEMENT_URL");
        let database = named("DATABASE_URL");
        Self::with(&options, amqp.zip(Some(management)), database).await
    }

    /// Brings up servers for the caller alone, whatever the environment names.
    pub async fn private(options: Options) -> Result<Self> {
        Self::with(&options, None, None).await
    }

    /// The servers that all tests of one process share; they end with the process.
    pub async fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceCell<Result<Servers>> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::acquire(Options::fast())).await.as_ref()
    }

    async fn with(
        options: &Options,
        amqp: Option<(String, Option<String>)>,
        database: Option<String>,
    ) -> Result<Self> {
        let needed = amqp.is_none() || database.is_none();
        let run = if needed { Some(Arc::new(Run::start()?)) } else { None };
        let rabbitmq = async {
            match (&amqp, &run) {
                (Some((url, management)), _) => {
                    Ok((RabbitMq::external(url, management.as_deref()).await?, Vec::new()))
                }
                (None, Some(run)) => {
                    let first = RabbitMq::bring_up(run, options).await?;
                    let others = first.others(run, options).await?;
                    Ok((first, others))
                }
                (None, None) => unreachable!("a run is made where a server is not named"),
            }
        };
        let postgres = async {
            match (&database, &run) {
                (Some(url), _) => Postgres::external(url).await,
                (None, Some(run)) => Postgres::bring_up(run, options).await,
                (None, None) => unreachable!("a run is made where a server is not named"),
            }
        };
        match Box::pin(async { tokio::join!(rabbitmq, postgres) }).await {
            (Ok((rabbitmq, others)), Ok(postgres)) => Ok(Self { rabbitmq, others, postgres, run }),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) => Err(Error::Both(Box::new(one), Box::new(other))),
        }
    }

    /// The broker; of a cluster its first node.
    pub fn rabbitmq(&self) -> &RabbitMq {
        &self.rabbitmq
    }

    /// All nodes of the broker: one, or those of a cluster.
    pub fn nodes(&self) -> impl Iterator<Item = &RabbitMq> {
        std::iter::once(&self.rabbitmq).chain(&self.others)
    }

    /// The database server.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Where the data and logs of what was brought up are.
    pub fn dir(&self) -> Option<&Path> {
        self.run.as_deref().map(Run::dir)
    }

    /// The variables by which another process acquires the same servers.
    pub fn env(&self) -> [(&'static str, &str); 3] {
        [
            ("AMQP_URL", self.rabbitmq.amqp_url()),
            ("RABBITMQ_MANAGEMENT_URL", self.rabbitmq.management_url()),
            ("DATABASE_URL", self.postgres.url()),
        ]
    }

    /// Ends what was brought up; returns when it is gone, data included.
    pub async fn stop(self) -> Result<()> {
        match &self.run {
            Some(run) => run.stop().await,
            None => Ok(()),
        }
    }
}
