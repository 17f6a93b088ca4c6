//! The routes that every service has for itself: health, readiness and metrics.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::routing::get;
use ballet_amqp::ConnectionState;
use ballet_store::database::probe::LoginRefusal;
use ballet_store::operators::service_pause::ServicePause;
use serde::Serialize;
use tokio::sync::watch;

use crate::engine::handlers::held_worker;
use crate::engine::handlers::wrong_statements::WrongStatements;
use crate::engine::shared_clock::SharedClock;
use crate::http::own_routes::OwnRoutes;
use crate::telemetry::reading::state::ReaderStates;
use crate::upkeep::broker::bindings::Bindings;
use crate::upkeep::broker::declared_queues::DeclaredQueues;
use crate::upkeep::progress::MessageProgress;

/// The parts of a service that readiness depends on.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// The reason why the start waits, if it does.
    pub(crate) waits_for: watch::Receiver<Option<String>>,
    /// Set when the start is over.
    pub(crate) parts: Arc<OnceLock<HealthParts>>,
}

#[derive(Debug)]
pub(crate) struct HealthParts {
    pub(crate) database: watch::Receiver<bool>,
    /// Whether it refuses the login.
    pub(crate) refusal: LoginRefusal,
    /// The reason why the service cannot work although the database answers, if there is one.
    pub(crate) hindered: watch::Receiver<Option<String>>,
    /// Whether a person has paused it: it takes no messages, and works for the rest.
    pub(crate) paused: watch::Receiver<Option<ServicePause>>,
    pub(crate) consume: watch::Receiver<ConnectionState>,
    pub(crate) publish: watch::Receiver<ConnectionState>,
    /// Why events wait at the publisher, if any do.
    pub(crate) held: watch::Receiver<Option<String>>,
    /// The connection of telemetry that is published, and why some of it waits, if there is such.
    pub(crate) publish_telemetry:
        Option<(watch::Receiver<ConnectionState>, watch::Receiver<Option<String>>)>,
    /// How the outbox is.
    pub(crate) outbox: watch::Receiver<String>,
    pub(crate) bindings: watch::Receiver<Bindings>,
    pub(crate) queues: watch::Receiver<DeclaredQueues>,
    /// How far the copies of others' entities are behind, if there are copies.
    pub(crate) copies: Option<watch::Receiver<String>>,
    pub(crate) progress: MessageProgress,
    /// The readers of telemetry, if there are any.
    pub(crate) readers: Option<Arc<ReaderStates>>,
    pub(crate) service: &'static str,
    pub(crate) shared_clock: Arc<SharedClock>,
    pub(crate) wrong_statements: Arc<WrongStatements>,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    database: String,
    consume: String,
    publish: String,
    /// Says that events wait for a person. The service works all the same.
    outbox: String,
    bindings: String,
    queues: String,
    messages: String,
    /// Says which step holds a thread, or has a statement that does not fit the database.
    handlers: String,
    /// Says why nothing is removed by age. The service works all the same.
    clock: String,
    /// How far the copies of others' entities are behind. The service works with old ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<String>,
    /// Says which reader of telemetry stands still.
    #[serde(skip_serializing_if = "Option::is_none")]
    telemetry: Option<String>,
    /// Says that telemetry cannot be published. The service works for the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_telemetry: Option<String>,
}

/// The reasons why a process is not ready are no longer than this in its database.
const LONGEST_REASON: usize = 2_000;

impl Health {
    /// Why the process is not ready, if it is not: what readiness says of its parts, but for those that are
    /// well. Read where nobody can ask for `/readyz`.
    pub(crate) fn why_unready(&self) -> Option<String> {
        let readiness = self.readiness();
        if readiness.ready {
            return None;
        }
        let parts = serde_json::to_value(&readiness).unwrap_or_default();
        let mut why: Vec<String> = Vec::new();
        for (part, said) in parts.as_object().into_iter().flatten() {
            match said.as_str() {
                Some(said) if said != "ok" && part != "copies" => {
                    why.push(format!("{part}: {said}"));
                }
                _ => {}
            }
        }
        let why = why.join("; ");
        Some(why.chars().take(LONGEST_REASON).collect())
    }

    /// Returns the answer of `/readyz`. Each call updates the metric, and each scrape makes one.
    fn readiness(&self) -> Readiness {
        let readiness = self.parts_now();
        ballet_amqp::gauge!("ballet_ready").set(if readiness.ready { 1.0 } else { 0.0 });
        readiness
    }

    fn parts_now(&self) -> Readiness {
        let Some(parts) = self.parts.get() else {
            let starting = "starting";
            return Readiness {
                ready: false,
                database: self.waits_for.borrow().clone().unwrap_or_else(|| starting.to_owned()),
                consume: starting.to_owned(),
                publish: starting.to_owned(),
                outbox: starting.to_owned(),
                bindings: starting.to_owned(),
                queues: starting.to_owned(),
                messages: starting.to_owned(),
                handlers: starting.to_owned(),
                clock: starting.to_owned(),
                copies: None,
                telemetry: None,
                publish_telemetry: None,
            };
        };
        let word = |state: &ConnectionState| match state {
            ConnectionState::Ready => "ok".to_owned(),
            ConnectionState::Connecting { last_error: Some(error), .. } => {
                format!("connecting: {error}")
            }
            ConnectionState::Connecting { last_error: None, .. } => "connecting".to_owned(),
            ConnectionState::Blocked => "blocked by the broker".to_owned(),
            ConnectionState::Paused => "paused".to_owned(),
            ConnectionState::Stopped => "stopped".to_owned(),
        };
        let silence = || parts.refusal.why().unwrap_or_else(|| "away".to_owned());
        let (consume, publish) = (parts.consume.borrow().clone(), parts.publish.borrow().clone());
        let (answers, hindered) = (*parts.database.borrow(), parts.hindered.borrow().clone());
        let bindings = parts.bindings.borrow().clone();
        let queues = parts.queues.borrow().clone();
        let held = parts.held.borrow().clone();
        let stands_still = parts.progress.stands_still();
        let fails = held_worker::held(parts.service).or_else(|| parts.wrong_statements.said());
        let reading = parts.readers.as_ref().map(|readers| readers.stands_still());
        let reads = !matches!(reading, Some(Some(_)));
        let paused = parts.paused.borrow().clone();
        let consumes =
            consume.is_ready() || (paused.is_some() && consume == ConnectionState::Paused);
        let connected = answers && consumes && publish.is_ready();
        let works = hindered.is_none()
            && held.is_none()
            && stands_still.is_none()
            && fails.is_none()
            && reads
            && queues.serve();
        Readiness {
            ready: connected && works && bindings.has_all(),
            database: hindered.unwrap_or_else(|| if answers { "ok".to_owned() } else { silence() }),
            consume: paused.map_or_else(|| word(&consume), |paused| paused.to_string()),
            publish: match &held {
                Some(reason) if publish.is_ready() => format!("events wait: {reason}"),
                _ => word(&publish),
            },
            outbox: parts.outbox.borrow().clone(),
            bindings: bindings.to_string(),
            queues: queues.to_string(),
            messages: stands_still.unwrap_or_else(|| "ok".to_owned()),
            handlers: fails.unwrap_or_else(|| "ok".to_owned()),
            clock: parts.shared_clock.doubt().unwrap_or_else(|| "ok".to_owned()),
            copies: parts.copies.as_ref().map(|copies| copies.borrow().clone()),
            telemetry: reading.map(|stands| stands.unwrap_or_else(|| "ok".to_owned())),
            publish_telemetry: parts.publish_telemetry.as_ref().map(|(state, held)| {
                match (&*state.borrow(), &*held.borrow()) {
                    (ConnectionState::Ready, Some(reason)) => format!("it waits: {reason}"),
                    (state, _) => word(state),
                }
            }),
        }
    }
}

/// Routes for health, readiness and metrics, and the service's own.
pub(crate) fn router(health: Health, metrics: fn() -> String, own: OwnRoutes) -> Router {
    let scraped = health.clone();
    let ready = move || async move {
        let readiness = health.readiness();
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, axum::Json(readiness))
    };
    let metrics = move || async move {
        scraped.readiness();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics())
    };
    let service = move |request: Request| own.answer(request);
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(service)
}
