//! A service as a whole: started, running, stopped.

mod metrics;
mod pausing;
mod pool;
mod prepare;
mod program;
mod roles;
mod running;
mod serve;
mod tasks;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use ballet_core::envelope::Limits;
use tokio::sync::{mpsc, watch};

use crate::broker::{Broker, BrokerError, RabbitMq};
use crate::calls::Calls;
use crate::engine::Engine;
use crate::http::{Health, Parts};
use crate::registry::Registry;
use crate::relay::Relay;
use crate::settings::SettingsError;
use crate::{
    Context, Handle, Migration, Participant, Settings, deadline, http, lane, partitions, process,
    stuck, sweeper,
};

use self::prepare::Prepare;
pub use self::program::main;
pub use self::running::Running;
use self::running::Signals;
use self::tasks::Tasks;

type Routes = Box<dyn FnOnce(Handle) -> Router + Send>;

/// A service that can be started.
pub struct Service {
    participant: Participant,
    migrations: &'static [Migration],
    routes: Option<Routes>,
    context: Context,
    broker: Option<Arc<dyn Broker>>,
}

/// Why a service did not start. What may pass by itself (a database or broker that is not up yet)
/// is waited for instead.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The broker's URL is wrong.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The database's URL is wrong.
    #[error("the database's URL: {0}")]
    DatabaseUrl(sqlx::Error),
    /// The database refuses us: the wrong user, or a right that is missing.
    #[error("the database: {0}")]
    Database(sqlx::Error),
    /// The database shows a certificate that is not to be trusted, or wants one of ours.
    #[error("the database: {0}")]
    DatabaseTls(String),
    /// Sessions are shared: the lock that says that this process lives would be anybody's, and stay
    /// when the process is gone.
    #[error(
        "the database is behind a pooler that lends sessions for a transaction: a lock that a \
         session holds is everybody's there. Name the database itself, or a pool in session mode"
    )]
    Pooler,
    /// Somebody else listens there, or we may not.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The tables cannot be made.
    #[error("the database's tables: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl Service {
    /// A service that takes this part.
    #[must_use]
    pub fn new(participant: Participant) -> Self {
        let context = Context::system();
        Self { participant, migrations: &[], routes: None, context, broker: None }
    }

    /// The service's own tables.
    #[must_use]
    pub const fn migrations(mut self, migrations: &'static [Migration]) -> Self {
        self.migrations = migrations;
        self
    }

    /// The service's own HTTP routes.
    #[must_use]
    pub fn routes(mut self, routes: impl FnOnce(Handle) -> Router + Send + 'static) -> Self {
        self.routes = Some(Box::new(routes));
        self
    }

    /// Another clock and source of ids than the machine's.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Another broker than the one that the settings name.
    #[must_use]
    pub fn broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Starts. HTTP answers at once; this returns when the database is there and its tables are
    /// made. The broker is connected to in the background, see `/readyz`.
    ///
    /// # Errors
    ///
    /// [`StartError`] for what does not pass by itself.
    pub async fn start(self, settings: Settings) -> Result<Running, StartError> {
        let broker = match self.broker {
            Some(broker) => broker,
            None => {
                let broker = RabbitMq::new(&settings.amqp_url()?)?;
                Arc::new(broker.tls(settings.amqp_tls()?)) as Arc<dyn Broker>
            }
        };
        let options = pool::options(&settings, self.participant.service())?;
        let pool = pool::pool(&settings, &options);
        let (stop, asked_to_stop) = watch::channel(false);
        let (end, stopping) = watch::channel(false);
        let (leave, leaving) = watch::channel(false);
        let signals = Signals { stop, end, leave };
        let (fail, failed) = watch::channel(None);
        let tasks = || Tasks::new(asked_to_stop.clone(), fail.clone());
        let (mut http, mut work, mut base) = (tasks(), tasks(), tasks());

        let (away, database_away) = watch::channel(false);
        let health = Health { away: database_away, parts: Arc::new(OnceLock::new()) };
        let own = Arc::new(OnceLock::new());
        let routes = http::router(health.clone(), metrics::handle(), Arc::clone(&own));
        let failing = failed.clone();
        let address =
            serve::serve(&mut http, settings.listen, routes, failing, asked_to_stop.clone())
                .await?;
        tracing::info!(service = self.participant.service(), %address, "serving HTTP");

        let limits = Limits { max_body: settings.max_body, ..Limits::default() };
        let prepare = Prepare {
            pool: &pool,
            options: &options,
            migrations: self.migrations,
            limits: &limits,
            context: &self.context,
            away: &away,
        };
        let (owner, session) = prepare.run().await?;
        base.spawn("the process's session", process::keep(session, options, owner, leaving));

        let (lanes, queues): (Vec<_>, Vec<_>) =
            (0..settings.lanes).map(|_| mpsc::unbounded_channel()).unzip();
        let (database, database_state) = watch::channel(true);
        let engine = Arc::new(Engine {
            registry: Registry::new(&self.participant),
            pool,
            context: self.context,
            limits,
            relay: Relay::new(owner),
            calls: Calls::new(settings.calls),
            batch: usize::from(settings.batch),
            handler_time: settings.handler_time(),
            lanes,
            stopping,
            database,
        });
        let publisher = roles::publish(&engine, Arc::clone(&broker));
        let consumer = Arc::new(roles::consume(&engine, broker, settings.prefetch()));
        base.watch("the consumer", consumer.state());
        base.watch("the publisher", publisher.state());
        base.spawn("the upkeep of metrics", metrics::keep(engine.stopping.clone()));
        let watch = pausing::run(Arc::clone(&engine), Arc::clone(&consumer));
        work.spawn("the watch over the database", watch);
        work.spawn("the sweeper", sweeper::run(Arc::clone(&engine)));
        work.spawn("the writer of marks", sweeper::flush_marks(Arc::clone(&engine)));
        work.spawn("the keeper of partitions", partitions::keep(Arc::clone(&engine)));
        work.spawn("the count of what is stuck", stuck::keep_count(Arc::clone(&engine)));
        if engine.registry.with_deadline().next().is_some() {
            work.spawn("the watch over deadlines", deadline::run(Arc::clone(&engine)));
        }
        for works in queues {
            work.spawn("a lane", lane::run(Arc::clone(&engine), works, consumer.cautious()));
        }

        let handle = Handle { engine: Arc::clone(&engine) };
        let parts = Parts {
            database: database_state,
            consume: consumer.state(),
            publish: publisher.state(),
        };
        let routes = self.routes.map_or_else(Router::new, |routes| routes(handle.clone()));
        let not_found = || async { http::Problem::not_found("there is no such address here") };
        if own.set(routes.fallback(not_found)).is_err() || health.parts.set(parts).is_err() {
            tracing::error!("the service was started twice");
        }
        let drain = settings.drain();
        Ok(Running {
            address,
            handle,
            consumer,
            publisher,
            signals,
            failed,
            http,
            work,
            base,
            drain,
        })
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("participant", &self.participant).finish_non_exhaustive()
    }
}
