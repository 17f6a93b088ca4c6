//! The private listener: alive, ready, metrics. It is for operators and never public.

use std::future::pending;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use ballet_listener::serving::{ListenerLimits, serve};
use metrics::Gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::file::{Config, IdempotencyKey, Route};
use crate::gate::in_force::Current;
use crate::store::database::Database;

/// The most connections.
const CONNECTIONS: usize = 256;

#[derive(Debug, Clone)]
struct Parts {
    current: Current,
    metrics: PrometheusHandle,
    stopping: watch::Receiver<bool>,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    keys: &'static str,
    /// Says how the gateway works without it. It is ready all the same: gateways share a database,
    /// and without it they still serve everything but `stands_still`.
    database: &'static str,
    /// The routes on which every request is refused now.
    stands_still: Vec<String>,
    stopping: bool,
}

/// Serves as long as the process lives.
pub(crate) async fn run(
    listener: TcpListener,
    current: Current,
    metrics: PrometheusHandle,
    stopping: watch::Receiver<bool>,
) {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(scraped))
        .with_state(Parts { current, metrics, stopping });
    serve(listener, routes, ListenerLimits::new(CONNECTIONS), pending()).await;
}

async fn ready(State(parts): State<Parts>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&parts);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

async fn scraped(State(parts): State<Parts>) -> String {
    let set = |gauge: Gauge, holds: bool| gauge.set(if holds { 1.0 } else { 0.0 });
    set(metrics::gauge!("gateway_ready"), readiness(&parts).ready);
    set(metrics::gauge!("gateway_keys_old"), parts.current.get().sign_in.has_old_keys());
    parts.metrics.render()
}

fn readiness(parts: &Parts) -> Readiness {
    let gate = parts.current.get();
    let stopping = *parts.stopping.borrow();
    let keys = gate.sign_in.is_ready();
    let database = gate.lasting.database.as_deref();
    let is_away = database.is_some_and(Database::is_away);
    Readiness {
        ready: keys && !stopping,
        keys: match keys {
            false => "not read yet: tokens are answered with 503",
            true if gate.sign_in.has_old_keys() => {
                "old: they could not be read again, and tokens with a newer key are answered with 401"
            }
            true => "ok",
        },
        database: match database {
            None => "none: limits hold for each gateway alone",
            Some(_) if is_away => {
                "away: limits hold for each gateway alone, and requests with an Idempotency-Key \
                 are answered with 503"
            }
            Some(_) => "ok",
        },
        stands_still: if is_away { keyed_only(&gate.config) } else { Vec::new() },
        stopping,
    }
}

/// The routes that take no request without an `Idempotency-Key`.
fn keyed_only(config: &Config) -> Vec<String> {
    let keyed = config.routes.iter().filter(|route| route.idempotency == IdempotencyKey::Required);
    let named = |route: &Route| {
        let methods = route.methods.iter().map(|verb| &verb.0);
        let unsafe_ones: Vec<&str> =
            methods.filter(|method| !method.is_safe()).map(Method::as_str).collect();
        let is_any = !unsafe_ones.is_empty();
        is_any.then(|| format!("{} {}", unsafe_ones.join(", "), route.prefix))
    };
    keyed.filter_map(named).collect()
}
