//! The routes of every service: health, readiness and metrics.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::routing::get;
use ballet_amqp::ConnectionState;
use ballet_core::Cause;
use ballet_store::database::probe::Refusal;
use serde::Serialize;
use tokio::sync::watch;

use crate::engine::handlers::wrong_statements::WrongStatements;
use crate::engine::shared_clock::SharedClock;
use crate::http::own_routes::OwnRoutes;
use crate::telemetry::reading::state::ReaderStates;
use crate::upkeep::broker::bindings::Bindings;
use crate::upkeep::broker::declared_queues::DeclaredQueues;
use crate::upkeep::progress::MessageProgress;

#[derive(Debug, Clone)]
pub(crate) struct Health {
    pub(crate) waits_for: watch::Receiver<Option<String>>,
    /// Set when the start is over.
    pub(crate) parts: Arc<OnceLock<HealthParts>>,
}

#[derive(Debug)]
pub(crate) struct HealthParts {
    pub(crate) database: watch::Receiver<bool>,
    pub(crate) refusal: Refusal,
    pub(crate) consume: watch::Receiver<ConnectionState>,
    pub(crate) publish: watch::Receiver<ConnectionState>,
    /// Why events wait at the publisher, if any do.
    pub(crate) held: watch::Receiver<Option<String>>,
    /// The connection of telemetry that is published, and why some of it waits, if there is such.
    pub(crate) publish_telemetry:
        Option<(watch::Receiver<ConnectionState>, watch::Receiver<Option<String>>)>,
    pub(crate) tasks: TaskStates,
    pub(crate) shared_clock: Arc<SharedClock>,
    pub(crate) wrong_statements: Arc<WrongStatements>,
}

#[derive(Debug)]
pub(crate) struct TaskStates {
    /// The reason why the service cannot work although the database answers, if there is one.
    pub(crate) hindered: watch::Receiver<Option<(Cause, String)>>,
    pub(crate) outbox: watch::Receiver<String>,
    pub(crate) bindings: watch::Receiver<Bindings>,
    pub(crate) queues: watch::Receiver<DeclaredQueues>,
    pub(crate) copies: Option<watch::Receiver<String>>,
    pub(crate) progress: MessageProgress,
    pub(crate) readers: Option<Arc<ReaderStates>>,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    #[serde(skip)]
    reasons: Vec<(Cause, String)>,
    /// The causes for which it is not ready, by the names that findings and alarms have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<&'static str>,
    database: String,
    consume: String,
    publish: String,
    /// Says that events wait for a person. The service works all the same.
    outbox: String,
    bindings: String,
    queues: String,
    messages: String,
    /// Says which step has a statement that does not fit the database.
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

/// The maximum length of the reasons for which a process is not ready, in its database.
const LONGEST_REASON: usize = 2_000;

impl Health {
    /// Why the process is not ready, with each cause and its sentence, for those who cannot ask for
    /// `/readyz`.
    pub(crate) fn why_unready(&self) -> Option<String> {
        let reasons = self.readiness().reasons;
        let why: Vec<String> =
            reasons.iter().map(|(cause, said)| format!("{cause}: {said}")).collect();
        let why = why.join("; ");
        (!why.is_empty()).then(|| why.chars().take(LONGEST_REASON).collect())
    }

    /// Returns the answer of `/readyz`. Each call updates the metric, and each scrape makes one.
    fn readiness(&self) -> Readiness {
        let readiness = self.parts_now();
        metrics::gauge!("ballet_ready").set(if readiness.ready { 1.0 } else { 0.0 });
        readiness
    }

    fn parts_now(&self) -> Readiness {
        let Some(parts) = self.parts.get() else {
            let starting = "starting";
            let database = self.waits_for.borrow().clone().unwrap_or_else(|| starting.to_owned());
            return Readiness {
                ready: false,
                reasons: vec![(Cause::Start, database.clone())],
                causes: vec![Cause::Start.name()],
                database,
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
        let (consume, publish) = (parts.consume.borrow().clone(), parts.publish.borrow().clone());
        let tasks = &parts.tasks;
        let (answers, hindered) = (*parts.database.borrow(), tasks.hindered.borrow().clone());
        let (bindings, queues) = (tasks.bindings.borrow().clone(), tasks.queues.borrow().clone());
        let held = parts.held.borrow().clone();
        let stands_still = tasks.progress.stands_still();
        let fails = parts.wrong_statements.said();
        let reading = tasks.readers.as_ref().map(|readers| readers.stands_still());
        let mut reasons: Vec<(Cause, String)> = Vec::new();
        if let Some(hindered) = hindered {
            reasons.push(hindered);
        } else if !answers {
            let away = || (Cause::Database, "away".to_owned());
            reasons.push(parts.refusal.why().unwrap_or_else(away));
        }
        let database = reasons.first().map_or_else(|| "ok".to_owned(), |(_, said)| said.clone());
        if !queues.serve() {
            reasons.push((queues.cause(), queues.to_string()));
        }
        if !bindings.has_all() {
            reasons.push((Cause::Binding, bindings.to_string()));
        }
        for state in [&consume, &publish] {
            let (cause, word) = connection(state);
            // What waits for the database, or for a queue, is paused or refused.
            let is_effect = matches!(cause, Cause::Start | Cause::Queue) && !reasons.is_empty();
            let is_known = reasons.iter().any(|(known, _)| *known == cause);
            if !(state.is_ready() || is_known || is_effect) {
                reasons.push((cause, word));
            }
        }
        let publish_word = match &held {
            Some(reason) if publish.is_ready() => format!("events wait: {reason}"),
            _ => connection(&publish).1,
        };
        if held.is_some() && publish.is_ready() {
            reasons.push((Cause::Publishing, publish_word.clone()));
        }
        let others = [
            (Cause::Standstill, stands_still.clone()),
            (Cause::Handler, fails.clone()),
            (Cause::Telemetry, reading.clone().flatten()),
        ];
        reasons.extend(others.into_iter().filter_map(|(cause, said)| Some((cause, said?))));
        Readiness {
            ready: reasons.is_empty(),
            causes: reasons.iter().map(|(cause, _)| cause.name()).collect(),
            reasons,
            database,
            consume: connection(&consume).1,
            publish: publish_word,
            outbox: tasks.outbox.borrow().clone(),
            bindings: bindings.to_string(),
            queues: queues.to_string(),
            messages: stands_still.unwrap_or_else(|| "ok".to_owned()),
            handlers: fails.unwrap_or_else(|| "ok".to_owned()),
            clock: parts.shared_clock.doubt().unwrap_or_else(|| "ok".to_owned()),
            copies: tasks.copies.as_ref().map(|copies| copies.borrow().clone()),
            telemetry: reading.map(|stands| stands.unwrap_or_else(|| "ok".to_owned())),
            publish_telemetry: parts.publish_telemetry.as_ref().map(|(state, held)| {
                match (&*state.borrow(), &*held.borrow()) {
                    (ConnectionState::Ready, Some(reason)) => format!("it waits: {reason}"),
                    (state, _) => connection(state).1,
                }
            }),
        }
    }
}

fn connection(state: &ConnectionState) -> (Cause, String) {
    match state {
        ConnectionState::Ready => (Cause::Broker, "ok".to_owned()),
        ConnectionState::Connecting { last_error: Some(error), .. } => {
            (error.cause(), format!("connecting: {error}"))
        }
        ConnectionState::Connecting { last_error: None, .. } => {
            (Cause::Broker, "connecting".to_owned())
        }
        ConnectionState::Blocked => (Cause::Blocked, "blocked by the broker".to_owned()),
        ConnectionState::Paused => (Cause::Start, "paused".to_owned()),
        ConnectionState::Stopped => (Cause::Start, "stopped".to_owned()),
    }
}

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
