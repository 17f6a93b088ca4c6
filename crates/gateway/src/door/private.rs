//! The private listener: alive, ready, metrics. It is for operators and never public.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::gate::in_force::Current;

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
    /// Says how the gateway works without it. It is ready all the same.
    database: &'static str,
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
        .route("/metrics", get(|State(parts): State<Parts>| async move { parts.metrics.render() }))
        .with_state(Parts { current, metrics, stopping });
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!("the private listener ended: {error}");
    }
}

async fn ready(State(parts): State<Parts>) -> (StatusCode, Json<Readiness>) {
    let gate = parts.current.get();
    let stopping = *parts.stopping.borrow();
    let keys = gate.sign_in.is_ready();
    let readiness = Readiness {
        ready: keys && !stopping,
        keys: if keys { "ok" } else { "not read yet: tokens are answered with 503" },
        database: match &gate.lasting.database {
            None => "none: limits hold for each gateway alone",
            Some(database) if database.is_away() => {
                "away: limits hold for each gateway alone, and requests with an Idempotency-Key \
                 are answered with 503"
            }
            Some(_) => "ok",
        },
        stopping,
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
