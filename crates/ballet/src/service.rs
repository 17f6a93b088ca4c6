//! A service as a whole: started, running, stopped.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use ballet_core::envelope::Limits;
use ballet_core::topology::{DEAD, EVENTS, dead_queue};
use clap::Parser;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::broker::{Broker, BrokerError, Expected, RabbitMq};
use crate::calls::Calls;
use crate::consumer::{Consumer, ConsumerHandle, ConsumerSettings};
use crate::engine::{self, Engine};
use crate::http::{Health, Parts};
use crate::publisher::{Publisher, PublisherHandle, PublisherSettings};
use crate::registry::Registry;
use crate::relay::Relay;
use crate::settings::SettingsError;
use crate::{
    Context, Handle, Migration, Participant, Settings, http, lane, logging, migrate, partitions,
    process, settings, sweeper,
};

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
            None => Arc::new(RabbitMq::new(&settings.amqp_url()?)?) as Arc<dyn Broker>,
        };
        let (pool, options) = pool(&settings, self.participant.service())?;
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();

        let health = Health { parts: Arc::new(OnceLock::new()) };
        let own = Arc::new(OnceLock::new());
        let routes = http::router(health.clone(), metrics_handle(), Arc::clone(&own));
        let address = serve(&mut tasks, settings.listen, routes, stopping.clone()).await?;
        tracing::info!(service = self.participant.service(), %address, "serving HTTP");

        wait_until_reachable(&pool).await?;
        migrate::migrate(&pool, self.migrations).await?;
        let limits = Limits { max_body: settings.max_body, ..Limits::default() };
        partitions::maintain(&pool, &limits, self.context.now())
            .await
            .map_err(StartError::Database)?;
        let owner = {
            let mut db = pool.acquire().await.map_err(StartError::Database)?;
            process::draw(&mut db).await.map_err(StartError::Database)?
        };
        let session = process::hold(&options, owner).await.map_err(StartError::Database)?;
        tasks.spawn(process::keep(session, options, owner, stopping.clone()));

        let (lanes, queues): (Vec<_>, Vec<_>) =
            (0..settings.lanes).map(|_| mpsc::unbounded_channel()).unzip();
        let (database, database_state) = watch::channel(true);
        let engine = Arc::new(Engine {
            registry: Registry::new(&self.participant),
            pool,
            context: self.context,
            limits,
            relay: Relay::new(owner),
            calls: Calls::new(),
            batch: usize::from(settings.batch),
            lanes,
            stopping,
            database,
        });
        let publisher = publish(&engine, Arc::clone(&broker));
        tasks.spawn(keep_metrics(engine.stopping.clone()));
        tasks.spawn(sweeper::run(Arc::clone(&engine)));
        tasks.spawn(sweeper::flush_marks(Arc::clone(&engine)));
        tasks.spawn(keep_partitions(Arc::clone(&engine)));
        let consumer = consume(&engine, broker, settings.prefetch());
        for works in queues {
            tasks.spawn(lane::run(Arc::clone(&engine), works, consumer.cautious()));
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
        Ok(Running { address, handle, consumer, publisher, stop, tasks, drain: settings.drain() })
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("participant", &self.participant).finish_non_exhaustive()
    }
}

/// A service that runs. Dropping it ends it at once, as a crash would.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    handle: Handle,
    consumer: ConsumerHandle,
    publisher: PublisherHandle,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    drain: Duration,
}

impl Running {
    /// Where HTTP is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the HTTP handlers see.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops: takes nothing new, ends what is in hand within the time that the settings give, and
    /// publishes what is committed. What is not done by then is done after the next start.
    pub async fn stop(mut self) {
        let drained = self.consumer.stop(self.drain).await;
        if drained.unsettled > 0 {
            tracing::warn!(
                unsettled = drained.unsettled,
                "not all messages were handled in time; the broker delivers them again"
            );
        }
        self.publisher.stop(self.drain).await;
        let engine = &self.handle.engine;
        if let Err(failure) = sweeper::flush_now(engine).await {
            tracing::warn!(
                "the last marks could not be written, their events are published once more: {failure}"
            );
        }
        self.stop.send_replace(true);
        if tokio::time::timeout(self.drain, async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await
        .is_err()
        {
            tracing::warn!("some tasks did not end in time");
        }
        engine.pool.close().await;
    }
}

fn pool(settings: &Settings, service: &str) -> Result<(PgPool, PgConnectOptions), StartError> {
    let options: PgConnectOptions =
        settings.database_url()?.parse().map_err(StartError::DatabaseUrl)?;
    let options = options.application_name(service).options([
        // Planning and compiling cost more than our short statements.
        ("jit", "off"),
    ]);
    let bounded = options.clone().options([
        ("statement_timeout", "30s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "60s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(settings.database_connections)
        // A connection in constant use needs no test; one that has been idle may have died with
        // the server.
        .test_before_acquire(false)
        .before_acquire(|db, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < Duration::from_secs(1) || db.ping().await.is_ok())
            })
        })
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(bounded);
    Ok((pool, options))
}

/// Waits for a database that is not up yet; a refusal does not pass by itself.
async fn wait_until_reachable(pool: &PgPool) -> Result<(), StartError> {
    let mut pause = Duration::from_millis(200);
    loop {
        let Err(error) = sqlx::query("select 1").execute(pool).await else { return Ok(()) };
        let code = error.as_database_error().and_then(|error| error.code()).map(String::from);
        // Invalid authorization, unknown database, missing right.
        if code.is_some_and(|code| code.starts_with("28") || code == "3D000" || code == "42501") {
            return Err(StartError::Database(error));
        }
        tracing::warn!("the database is not reachable yet, trying again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

async fn serve(
    tasks: &mut JoinSet<()>,
    listen: SocketAddr,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
) -> Result<SocketAddr, StartError> {
    let fail = |error| StartError::Listen { address: listen, error };
    let listener = TcpListener::bind(listen).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    tasks.spawn(async move {
        let stopped = async move { engine::stopped(&mut stopping).await };
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped).await {
            tracing::error!("HTTP ended: {error}");
        }
    });
    Ok(address)
}

fn expected(service: &str) -> Expected {
    Expected::new().exchange(EVENTS).exchange(DEAD).queue(service).queue(dead_queue(service))
}

fn publish(engine: &Arc<Engine>, broker: Arc<dyn Broker>) -> PublisherHandle {
    let service = engine.registry.service;
    let mut settings = PublisherSettings::new(service, engine.relay.owner.to_string());
    settings.expected = expected(service);
    let relay = Arc::downgrade(engine);
    let publisher = Publisher::start(
        broker,
        settings,
        Arc::new(move |published| {
            if let Some(engine) = relay.upgrade() {
                engine.relay.published(published);
            }
        }),
    );
    engine.relay.connect(publisher.clone());
    publisher
}

fn consume(engine: &Arc<Engine>, broker: Arc<dyn Broker>, prefetch: u16) -> ConsumerHandle {
    let service = engine.registry.service;
    let mut settings = ConsumerSettings::new(service, engine.relay.owner.to_string());
    settings.expected = expected(service);
    settings.prefetch = prefetch;
    let engine = Arc::clone(engine);
    Consumer::start(broker, settings, Arc::new(move |arrival| engine.dispatch(arrival)))
}

async fn keep_partitions(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(3600)) => {}
            () = engine::stopped(&mut stopping) => return,
        }
        let now = engine.context.now();
        if let Err(error) = partitions::maintain(&engine.pool, &engine.limits, now).await {
            tracing::error!("partitions could not be maintained, trying again in an hour: {error}");
        }
    }
}

const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
const SIZES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0];

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The process's metrics; `None` if another recorder was installed.
fn metrics_handle() -> Option<PrometheusHandle> {
    let install = || {
        let (seconds, sizes) =
            (Matcher::Suffix("_seconds".into()), Matcher::Suffix("_size".into()));
        PrometheusBuilder::new()
            .set_buckets_for_metric(seconds, &SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(sizes, &SIZES))
            .and_then(PrometheusBuilder::install_recorder)
            .inspect_err(|error| tracing::warn!("no metrics: {error}"))
            .ok()
    };
    METRICS.get_or_init(install).clone()
}

/// Folds what was recorded into the buckets: unread samples would fill the memory.
async fn keep_metrics(mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = engine::stopped(&mut stopping) => return,
        }
        if let Some(metrics) = metrics_handle() {
            metrics.run_upkeep();
        }
    }
}

/// A service's `main`: reads the arguments, starts, and stops on SIGTERM and Ctrl-C.
pub fn main<A: Parser>(build: impl FnOnce(A) -> (Settings, Service)) -> ExitCode {
    let program = A::command();
    let given = program.clone().get_matches();
    let (settings, service) = match A::from_arg_matches(&given) {
        Ok(arguments) => build(arguments),
        Err(error) => error.exit(),
    };
    if settings.print_config {
        use std::io::Write;
        let printed = settings::printed(&program, &given);
        return match std::io::stdout().write_all(printed.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    if let Err(error) = logging::init(&settings.log, settings.log_format) {
        return complain(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("the runtime does not start: {error}")),
    };
    match runtime.block_on(run(service, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

fn complain(error: &str) -> ExitCode {
    use std::io::Write;
    let _nobody_to_tell = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::FAILURE
}

async fn run(service: Service, settings: Settings) -> Result<(), StartError> {
    let asked_to_stop = asked_to_stop();
    tokio::pin!(asked_to_stop);
    let running = tokio::select! {
        running = service.start(settings) => running?,
        () = &mut asked_to_stop => return Ok(()),
    };
    asked_to_stop.await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => {
            let _interrupted = tokio::signal::ctrl_c().await;
        }
    }
}
