//! What every service serves about itself: health, readiness and metrics.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::routing::get;
use ballet_amqp::ConnectionState;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::watch;

use crate::engine::shared_clock::SharedClock;
use crate::http::own_routes::OwnRoutes;
use crate::upkeep::bindings::Bindings;
use crate::upkeep::progress::Progress;

/// The parts of a service that readiness depends on.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// Whether the start waits for the database.
    pub(crate) away: watch::Receiver<bool>,
    /// Set when the start is over.
    pub(crate) parts: Arc<OnceLock<Parts>>,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) database: watch::Receiver<bool>,
    pub(crate) consume: watch::Receiver<ConnectionState>,
    pub(crate) publish: watch::Receiver<ConnectionState>,
    /// Why events wait at the publisher, if any do.
    pub(crate) held: watch::Receiver<Option<String>>,
    /// The number of events that can never be published.
    pub(crate) unpublishable: watch::Receiver<i64>,
    pub(crate) bindings: watch::Receiver<Bindings>,
    /// How far the copies of others' entities are behind, if there are copies.
    pub(crate) copies: Option<watch::Receiver<String>>,
    pub(crate) progress: Progress,
    pub(crate) shared_clock: Arc<SharedClock>,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    database: &'static str,
    consume: &'static str,
    publish: String,
    /// Says that events wait for a person. The service works all the same.
    outbox: String,
    bindings: String,
    messages: String,
    /// Says why nothing is removed by age. The service works all the same.
    clock: String,
    /// How far the copies of others' entities are behind. The service works with old ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<String>,
}

impl Health {
    fn readiness(&self) -> Readiness {
        let Some(parts) = self.parts.get() else {
            let starting = "starting";
            return Readiness {
                ready: false,
                database: if *self.away.borrow() { "away" } else { starting },
                consume: starting,
                publish: starting.to_owned(),
                outbox: starting.to_owned(),
                bindings: starting.to_owned(),
                messages: starting.to_owned(),
                clock: starting.to_owned(),
                copies: None,
            };
        };
        let word = |state: &ConnectionState| match state {
            ConnectionState::Ready => "ok",
            ConnectionState::Connecting { .. } => "connecting",
            ConnectionState::Blocked => "blocked by the broker",
            ConnectionState::Paused => "paused",
            ConnectionState::Stopped => "stopped",
        };
        let (consume, publish) = (parts.consume.borrow().clone(), parts.publish.borrow().clone());
        let database = *parts.database.borrow();
        let bindings = parts.bindings.borrow().clone();
        let held = parts.held.borrow().clone();
        let stands_still = parts.progress.stands_still();
        let connected = database && consume.is_ready() && publish.is_ready();
        Readiness {
            ready: connected && held.is_none() && bindings.has_all() && stands_still.is_none(),
            database: if database { "ok" } else { "away" },
            consume: word(&consume),
            publish: match &held {
                Some(reason) if publish.is_ready() => format!("events wait: {reason}"),
                _ => word(&publish).to_owned(),
            },
            outbox: match *parts.unpublishable.borrow() {
                0 => "ok".to_owned(),
                1 => "1 event can never be published: ballet outbox list".to_owned(),
                many => format!("{many} events can never be published: ballet outbox list"),
            },
            bindings: bindings.to_string(),
            messages: stands_still.unwrap_or_else(|| "ok".to_owned()),
            clock: parts.shared_clock.doubt().unwrap_or_else(|| "ok".to_owned()),
            copies: parts.copies.as_ref().map(|copies| copies.borrow().clone()),
        }
    }
}

/// Routes for health, readiness and metrics, and the service's own.
pub(crate) fn router(health: Health, metrics: Option<PrometheusHandle>, own: OwnRoutes) -> Router {
    let ready = move || async move {
        let readiness = health.readiness();
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, axum::Json(readiness))
    };
    let metrics = move || async move {
        let text = metrics.map(|metrics| metrics.render()).unwrap_or_default();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
    };
    let service = move |request: Request| own.answer(request);
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(service)
}
