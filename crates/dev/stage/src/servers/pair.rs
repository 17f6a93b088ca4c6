//! The two servers that tests, the demo and measurements work with.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::servers::options::Options;
use crate::servers::postgres::Postgres;
use crate::servers::rabbitmq::RabbitMq;
use crate::servers::server_set::ServerSet;

/// The broker's metrics, if they are not at port 15692 of its host.
const METRICS: &str = "RABBITMQ_METRICS_URL";

/// A RabbitMQ and a Postgres.
///
/// Our own servers are gone after [`Servers::stop`], or shortly after the value is dropped or this process killed.
#[derive(Debug)]
pub struct Servers {
    rabbitmq: RabbitMq,
    /// The other nodes of a cluster.
    others: Vec<RabbitMq>,
    postgres: Postgres,
    set: Option<Arc<ServerSet>>,
}

impl Servers {
    /// Uses the servers named by `AMQP_URL` (with `RABBITMQ_MANAGEMENT_URL`) and `DATABASE_URL`. Brings up the others
    /// from local programs (in `BALLET_RABBITMQ_BIN` and `BALLET_POSTGRES_BIN`), with Docker, or by installing them.
    pub async fn acquire(options: Options) -> Result<Self> {
        let named = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
        let amqp = named("AMQP_URL");
        let management = named("RABBITMQ_MANAGEMENT_URL");
        let database = named("DATABASE_URL");
        let broker = amqp.map(|amqp| (amqp, management, named(METRICS)));
        Self::with(&options, broker, database).await
    }

    /// Brings up servers for the caller alone, even if the environment names some.
    pub async fn private(options: Options) -> Result<Self> {
        Self::with(&options, None, None).await
    }

    /// Brings up a Postgres for the caller alone, and shares the broker, which is slowest to start, with this process's
    /// tests.
    pub async fn own_postgres(options: Options) -> Result<Self> {
        let broker = &Self::shared().await.map_err(Error::Shared)?.rabbitmq;
        let (amqp, management) = (broker.amqp_url().to_owned(), broker.management_url().to_owned());
        let metrics = broker.metrics_url().to_owned();
        Self::with(&options, Some((amqp, Some(management), Some(metrics))), None).await
    }

    /// Brings up a broker for the caller alone, and shares the Postgres with this process's tests.
    pub async fn own_broker(options: Options) -> Result<Self> {
        let postgres = Self::shared().await.map_err(Error::Shared)?.postgres.url().to_owned();
        Self::with(&options, None, Some(postgres)).await
    }

    /// Uses these servers as administrator. The management API's default is port 15672 of the broker's host.
    ///
    /// # Errors
    ///
    /// If one of them cannot be reached, or is too old.
    pub async fn at(amqp: String, management: Option<String>, database: String) -> Result<Self> {
        Self::with(&Options::durable(), Some((amqp, management, None)), Some(database)).await
    }

    /// Returns the servers shared by this process's tests. They end with the process.
    pub async fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceCell<Result<Servers>> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::acquire(Options::fast())).await.as_ref()
    }

    async fn with(
        options: &Options,
        amqp: Option<(String, Option<String>, Option<String>)>,
        database: Option<String>,
    ) -> Result<Self> {
        let needed = amqp.is_none() || database.is_none();
        let set = if needed { Some(Arc::new(ServerSet::start()?)) } else { None };
        let rabbitmq = async {
            match (&amqp, &set) {
                (Some((url, management, metrics)), _) => {
                    let named = RabbitMq::external(url, management.as_deref(), metrics.clone());
                    Ok((named.await?, Vec::new()))
                }
                (None, Some(set)) => {
                    let first = RabbitMq::bring_up(set, options).await?;
                    let others = first.others(set, options).await?;
                    Ok((first, others))
                }
                (None, None) => unreachable!("a set is made where a server is not named"),
            }
        };
        let postgres = async {
            match (&database, &set) {
                (Some(url), _) => Postgres::external(url).await,
                (None, Some(set)) => Postgres::bring_up(set, options).await,
                (None, None) => unreachable!("a set is made where a server is not named"),
            }
        };
        match Box::pin(async { tokio::join!(rabbitmq, postgres) }).await {
            (Ok((rabbitmq, others)), Ok(postgres)) => Ok(Self { rabbitmq, others, postgres, set }),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) => Err(Error::Both(Box::new(one), Box::new(other))),
        }
    }

    /// Returns the broker; the first node of a cluster.
    pub fn rabbitmq(&self) -> &RabbitMq {
        &self.rabbitmq
    }

    /// All nodes of the broker; one, unless it is a cluster.
    pub fn nodes(&self) -> impl Iterator<Item = &RabbitMq> {
        std::iter::once(&self.rabbitmq).chain(&self.others)
    }

    /// Returns the database server.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Returns the directory with the data and logs of our own servers.
    pub fn dir(&self) -> Option<&Path> {
        self.set.as_deref().map(ServerSet::dir)
    }

    /// Returns the variables by which another process acquires the same servers.
    pub fn env(&self) -> [(&'static str, &str); 4] {
        [
            ("AMQP_URL", self.rabbitmq.amqp_url()),
            ("RABBITMQ_MANAGEMENT_URL", self.rabbitmq.management_url()),
            ("DATABASE_URL", self.postgres.url()),
            (METRICS, self.rabbitmq.metrics_url()),
        ]
    }

    /// Ends our own servers, and waits until they and their data are gone.
    pub async fn stop(self) -> Result<()> {
        match &self.set {
            Some(set) => set.stop().await,
            None => Ok(()),
        }
    }
}
