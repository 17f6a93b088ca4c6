//! The HTTP listener with its bounds, and the time limit and failure check of every request.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ballet_http::departure::Departure;
use ballet_http::serving::{self, ListenerLimits};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::http::problem::{FailureCause, Problem, RETRY_AFTER};
use crate::http::refusal::in_words;
use crate::service::error::StartError;
use crate::service::settings::settings::Settings;
use crate::service::tasks::Tasks;

/// Time limit for a request, including its body.
const REQUEST: Duration = Duration::from_secs(30);

/// Why a service that was asked to stop is not ready.
const STOPPING: &str = "the service was asked to stop: send requests to another replica";

/// Serves until asked to stop, and for the time of the settings beyond. Then no new requests are taken, and those in
/// progress are answered.
pub(super) async fn serve(
    tasks: &mut Tasks,
    settings: &Settings,
    routes: Router,
    failed: watch::Receiver<Option<String>>,
    departure: Departure,
) -> Result<SocketAddr, StartError> {
    let fail = |error| StartError::Listen { address: settings.listen, error };
    let listener = TcpListener::bind(settings.listen).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    // Requests at their limit leave room for looks at health and metrics.
    let connections = usize::from(settings.http_requests) + usize::from(settings.http_connections);
    let routes = routes.layer(from_fn_with_state((failed, departure.clone()), answer));
    tasks.spawn("HTTP", async move {
        // This task is aborted when the time of a stop is over. Requests that are still in hand go on without it.
        let served = serving::serve(listener, routes, ListenerLimits::new(connections), departure);
        if let Err(error) = tokio::spawn(served).await {
            tracing::error!("HTTP ended: {error}");
        }
    });
    Ok(address)
}

async fn answer(
    State((failed, departure)): State<(watch::Receiver<Option<String>>, Departure)>,
    request: Request,
    next: Next,
) -> Response {
    let failed = failed.borrow().clone();
    match (request.uri().path(), failed) {
        ("/healthz", Some(why)) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why).into_response()
        }
        ("/readyz", Some(why)) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response()
        }
        ("/readyz", None) if departure.has_begun() => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, STOPPING).into_response()
        }
        _ => {
            let (method, uri) = (request.method().clone(), request.uri().clone());
            // A commit in progress is not cancelled with its request.
            let mut response = timeout(REQUEST, next.run(request)).await.unwrap_or_else(|_| {
                let late = format!("no answer within {REQUEST:?}");
                let advice = format!("{late}; check its effect before you try again");
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, advice);
                problem.in_doubt().because(late).into_response()
            });
            if response.status() == StatusCode::SERVICE_UNAVAILABLE && method.is_safe() {
                // A read may always be tried again.
                response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            if let Some(cause) = response.extensions().get::<FailureCause>() {
                cause.log(&method, uri.path(), response.status());
            }
            in_words(response, &method, &uri)
        }
    }
}
