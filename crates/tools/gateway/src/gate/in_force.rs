//! What a config file sets up. A reload makes a new one, and keeps equal parts.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use ballet_http::departure::Departure;
use hyper::header::HeaderValue;

use crate::auth::sign_in::SignIn;
use crate::auth::signer::Signer;
use crate::config::file::{Config, Upstream};
use crate::gate::table::RouteTable;
use crate::limits::at_once::ClientRequests;
use crate::limits::policy::RateCounts;
use crate::openapi::assemble;
use crate::store::database::Database;
use crate::upstream::service::UpstreamService;

#[derive(Debug, Clone)]
pub(crate) struct ProcessState {
    pub(crate) database: Option<Arc<Database>>,
    pub(crate) rates: Arc<RateCounts>,
    pub(crate) at_once: ClientRequests,
    /// Held for reading by work that goes on after its client. A stop waits until nobody holds it.
    pub(crate) in_flight: Arc<tokio::sync::RwLock<()>>,
    /// How the public listener ends at a stop.
    pub(crate) departure: Departure,
}

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) config: Config,
    pub(crate) lasting: ProcessState,
    pub(crate) table: RouteTable,
    pub(crate) sign_in: SignIn,
    pub(crate) hsts: Option<HeaderValue>,
    services: Vec<Arc<UpstreamService>>,
}

impl Gate {
    /// Unchanged upstreams keep connections and breakers, unless the signing changed.
    ///
    /// # Errors
    ///
    /// If a key file, a secret or a service's document cannot be read.
    pub(crate) async fn new(
        config: Config,
        place: &Path,
        lasting: ProcessState,
        before: Option<&Self>,
    ) -> Result<Self, String> {
        let same_signing = before.filter(|before| before.config.signing == config.signing);
        let known = same_signing.map(|before| before.services.as_slice()).unwrap_or_default();
        let service = |upstream: &Upstream| {
            if let Some(same) = known.iter().find(|service| service.config == *upstream) {
                return Ok(Arc::clone(same));
            }
            let signer = Signer::new(config.signing.as_ref(), place, &upstream.name)?;
            Ok::<_, String>(Arc::new(UpstreamService::new(upstream, signer)))
        };
        let services = config.upstreams.iter().map(service).collect::<Result<Vec<_>, _>>()?;
        let sign_in = SignIn::new(&config, place, before.map(|before| &before.sign_in)).await?;
        let table = RouteTable::new(&config, &services, assemble::of(&config, place)?)?;
        let hsts = config.security.hsts.map(|hsts| format!("max-age={}", hsts.0.as_secs()));
        let hsts = hsts.and_then(|hsts| HeaderValue::from_str(&hsts).ok());
        Ok(Self { config, lasting, table, sign_in, hsts, services })
    }
}

/// Shared by all connections.
#[derive(Debug, Clone)]
pub(crate) struct CurrentGate(Arc<RwLock<Arc<Gate>>>);

impl CurrentGate {
    pub(crate) fn new(gate: Gate) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(gate))))
    }

    pub(crate) fn get(&self) -> Arc<Gate> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests in progress end with the old config.
    pub(crate) fn set(&self, gate: Gate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(gate);
    }
}
