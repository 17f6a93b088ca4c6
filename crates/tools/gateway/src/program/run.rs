//! Starts the gateway, reloads its config on SIGHUP, and stops on SIGTERM.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ballet_http::departure::Departure;
use ballet_http::prometheus::Metrics;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::file::Config;
use crate::config::read::read;
use crate::config::units::Span;
use crate::door::{private, public};
use crate::gate::in_force::{CurrentGate, Gate, ProcessState};
use crate::limits::at_once::ClientRequests;
use crate::program::logging;
use crate::store::database::Database;

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Settings that override those of the file. So one file serves inside and outside of a container.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Addresses {
    /// The address for clients, in place of the file's.
    #[arg(long, env = "GATEWAY_PUBLIC", value_name = "ADDRESS:PORT")]
    public: Option<SocketAddr>,
    /// The address for operators, in place of the file's.
    #[arg(long, env = "GATEWAY_PRIVATE", value_name = "ADDRESS:PORT")]
    private: Option<SocketAddr>,
    /// The time for which a stop serves new connections, in place of the file's.
    #[arg(long, env = "GATEWAY_SHUTDOWN_DELAY", value_name = "TIME")]
    shutdown_delay: Option<Span>,
}

impl Addresses {
    /// Reads the file's config, with these settings.
    fn read(self, file: &Path) -> Result<Config, String> {
        let mut config = read(file)?;
        let listen = &mut config.listen;
        listen.public = self.public.unwrap_or(listen.public);
        listen.private = self.private.unwrap_or(listen.private);
        let delay = &mut config.timeouts.shutdown_delay;
        *delay = self.shutdown_delay.unwrap_or(*delay);
        Ok(config)
    }
}

/// # Errors
///
/// Why the gateway cannot start.
pub(crate) fn main(file: &Path, addresses: Addresses, log: &str) -> Result<(), String> {
    let config = addresses.read(file)?;
    let _written_at_the_end = logging::init(log)?;
    let metrics = Metrics::install(SECONDS).ok_or("the process has another recorder of metrics")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(run(config, file, addresses, metrics))
}

async fn run(
    config: Config,
    file: &Path,
    addresses: Addresses,
    metrics: Metrics,
) -> Result<(), String> {
    let handler = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
    let (mut terminate, mut interrupt, mut hang_up) = (
        handler(SignalKind::terminate())?,
        handler(SignalKind::interrupt())?,
        handler(SignalKind::hangup())?,
    );
    let database = config.database.as_ref().map(|database| Database::new(database, file));
    let database = database.transpose()?.map(Arc::new);
    let (stop, stopping) = watch::channel(false);
    let departure = Departure::new(stopping.clone(), config.timeouts.shutdown_delay.0);
    let lasting = ProcessState {
        rates: Arc::default(),
        at_once: ClientRequests::default(),
        database: database.clone(),
        in_flight: Arc::default(),
        departure: departure.clone(),
    };
    let listen = config.listen.clone();
    let current = CurrentGate::new(Gate::new(config, file, lasting, None).await?);
    if let Some(database) = database {
        tokio::spawn(database.keep());
    }
    let bind = async |address| {
        let listener = TcpListener::bind(address).await;
        listener.map_err(|error| format!("{address}: cannot listen: {error}"))
    };
    let (public, private) = (bind(listen.public).await?, bind(listen.private).await?);
    let local = |listener: &TcpListener| {
        listener.local_addr().map(|address| address.to_string()).unwrap_or_default()
    };
    tracing::info!(public = local(&public), private = local(&private), "listening");
    tokio::spawn(private::run(private, current.clone(), metrics, stopping));
    let served = tokio::spawn(public::run(public, current.clone(), departure.clone()));
    let reloads = async {
        loop {
            hang_up.recv().await;
            reload(&current, file, addresses).await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => departure.hurry(),
        () = reloads => {}
    }
    tracing::info!("stopping");
    let _nobody_listens = stop.send(true);
    served.await.map_err(|error| format!("the public listener failed: {error}"))
}

/// A wrong config changes nothing.
async fn reload(current: &CurrentGate, file: &Path, addresses: Addresses) {
    let before = current.get();
    let made = async {
        let config = addresses.read(file)?;
        let old = &before.config;
        let listens = |config: &Config| (config.listen.public, config.listen.private);
        let fixed = [
            ("listen", listens(old) != listens(&config)),
            (
                "timeouts.shutdown_delay",
                old.timeouts.shutdown_delay != config.timeouts.shutdown_delay,
            ),
            ("limits.connections", old.limits.connections != config.limits.connections),
            ("timeouts.headers", old.timeouts.headers != config.timeouts.headers),
            ("database", old.database != config.database),
        ];
        for (name, _) in fixed.iter().filter(|(_, changed)| *changed) {
            tracing::warn!("{name} has changed: that needs a restart");
        }
        Gate::new(config, file, before.lasting.clone(), Some(&before)).await
    };
    let outcome = match made.await {
        Ok(gate) => {
            current.set(gate);
            tracing::info!("the config was read again");
            "ok"
        }
        Err(why) => {
            tracing::error!("the config is as it was, because the new one is wrong: {why}");
            "failed"
        }
    };
    metrics::counter!("gateway_reloads_total", "outcome" => outcome).increment(1);
}
