//! Whose requests a service's own routes take: everybody's in its network, or its gateway's.

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ballet_http::signature::{
    BODY_HASH, REQUEST_HEADER, REQUEST_VALID, Secrets, body_hash, check, message,
};

use crate::declare::handler::clock::Clock;
use crate::http::json::bytes;
use crate::http::problem::{Advice, Problem};

/// A request without a client's name may do everything, so it matters who sends it.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// The gateway's secrets. With `None` the network is trusted.
    pub(crate) secrets: Option<Secrets>,
    /// This machine's own clock, as the gateway has its own.
    pub(crate) clock: Clock,
}

impl Door {
    pub(super) async fn check(&self, request: &Parts) -> Result<(), Problem> {
        let Some(secrets) = &self.secrets else { return Ok(()) };
        let secrets = secrets.current().await.map_err(|why| {
            tracing::error!("GATEWAY_SECRET_FILE: {why}");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway's secret cannot be read")
        })?;
        let headers = &request.headers;
        let checked = match only(headers) {
            None => Err("it is not signed"),
            Some(signature) => {
                let path = request.uri.path_and_query().map_or("", |path| path.as_str());
                let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                let signed = message(request.method.as_str(), path, named);
                check(&secrets, signature, self.clock.now().as_second(), REQUEST_VALID, &signed)
            }
        };
        checked.map_err(|why| refused(request, why))
    }
}

/// Takes a request whose body is the one that the gateway has signed. The [`Door`] has checked the
/// headers before, so a forged body is not read.
pub(crate) async fn with_its_body(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let read = match bytes(Request::from_parts(head.clone(), body)).await {
        Ok(read) => read,
        Err(problem) => return problem.into_response(),
    };
    let signed = head.headers.get(BODY_HASH).map(|hash| hash.as_bytes());
    let is_the_same = match read.is_empty() {
        true => signed.is_none(),
        false => signed == Some(body_hash(&read).as_bytes()),
    };
    if !is_the_same {
        return refused(&head, "its body is not the one that was signed").into_response();
    }
    next.run(Request::from_parts(head, Body::from(read))).await
}

fn refused(request: &Parts, why: &str) -> Problem {
    let (method, path) = (&request.method, request.uri.path());
    tracing::warn!(%method, path, "a request that is not the gateway's is refused: {why}");
    let detail = format!(
        "this service takes what its gateway has signed (GATEWAY_SECRET), and refuses this \
         request: {why}; send it to the gateway"
    );
    Problem::new(StatusCode::UNAUTHORIZED, detail).advise(Advice::AskTheGateway)
}

fn only(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(REQUEST_HEADER).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}
