//! The private listener for operators: alive, ready, metrics.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use ballet_http::departure::Departure;
use ballet_http::prometheus::Metrics;
use ballet_http::serving::{ListenerLimits, serve};
use metrics::Gauge;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::gate::in_force::CurrentGate;
use crate::store::database::Database;

const CONNECTIONS: usize = 256;

#[derive(Debug, Clone)]
struct PrivateState {
    current: CurrentGate,
    metrics: Metrics,
    stopping: watch::Receiver<bool>,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    keys: &'static str,
    /// The state of the database. The gateway is ready without it: gateways share a database, and still serve
    /// requests without an `Idempotency-Key`.
    database: &'static str,
    stopping: bool,
}

/// Serves as long as the process lives.
pub(crate) async fn run(
    listener: TcpListener,
    current: CurrentGate,
    metrics: Metrics,
    stopping: watch::Receiver<bool>,
) {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render_metrics))
        .with_state(PrivateState { current, metrics, stopping });
    serve(listener, routes, ListenerLimits::new(CONNECTIONS), Departure::never()).await;
}

async fn ready(State(parts): State<PrivateState>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&parts);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

async fn render_metrics(State(parts): State<PrivateState>) -> String {
    let set = |gauge: Gauge, holds: bool| gauge.set(if holds { 1.0 } else { 0.0 });
    let gate = parts.current.get();
    set(metrics::gauge!("gateway_ready"), readiness(&parts).ready);
    set(metrics::gauge!("gateway_keys_old"), gate.sign_in.has_old_keys());
    if let Some(database) = &gate.lasting.database {
        set(metrics::gauge!("gateway_database_away"), database.is_away());
    }
    parts.metrics.render()
}

fn readiness(parts: &PrivateState) -> Readiness {
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
            None => "none",
            Some(_) if is_away => "away: requests with an Idempotency-Key are answered with 503",
            Some(_) => "ok",
        },
        stopping,
    }
}
