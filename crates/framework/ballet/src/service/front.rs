//! The HTTP front of a service. It answers from the first moment, and takes the service's own routes
//! when the service works.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use ballet_http::departure::Departure;
use tokio::sync::watch;

use crate::http::health::{self, Health, HealthParts};
use crate::http::own_routes::OwnRoutes;
use crate::service::error::StartError;
use crate::service::frame::ServiceFrame;
use crate::service::recorder;
use crate::service::serve;
use crate::service::settings::settings::Settings;

pub(super) struct HttpFront {
    pub(super) address: SocketAddr,
    pub(super) departure: Departure,
    pub(super) health: Health,
    /// The reason why the start waits, for readiness.
    pub(super) waits: watch::Sender<Option<String>>,
    own_routes: OwnRoutes,
}

impl HttpFront {
    pub(super) async fn open(
        frame: &mut ServiceFrame,
        service: &str,
        settings: &Settings,
        own_routes: OwnRoutes,
    ) -> Result<Self, StartError> {
        let (waits, waits_for) = watch::channel(None);
        let health = Health { waits_for, parts: Arc::new(OnceLock::new()) };
        let routes = health::router(health.clone(), recorder::rendered, own_routes.clone());
        let failed = frame.failed.clone();
        let departure = Departure::new(frame.asked_to_stop.clone(), settings.shutdown_delay());
        let served = serve::serve(&mut frame.http, settings, routes, failed, departure.clone());
        let address = served.await?;
        tracing::info!(service, %address, "serving HTTP");
        Ok(Self { address, departure, health, waits, own_routes })
    }

    /// Says so where everybody in the network may do everything.
    pub(super) fn warn_of_trust(&self) {
        if !self.address.ip().is_loopback() {
            tracing::warn!(
                address = %self.address,
                "the network is trusted: whoever reaches this address may do everything; with \
                 GATEWAY_SECRET only what the gateway has signed is taken"
            );
        }
    }

    /// Takes the service's own routes, and shows the parts that readiness depends on.
    pub(super) fn begin(self, routes: Router, parts: HealthParts) {
        if !self.own_routes.serve(routes) || self.health.parts.set(parts).is_err() {
            tracing::error!("the service was started twice");
        }
    }
}
