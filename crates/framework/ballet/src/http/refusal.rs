//! Requests that no route takes.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;

/// Says what was wrong where the router only gave a status, but not for handlers' answers.
pub(crate) fn in_words(response: Response, method: &Method, uri: &Uri) -> Response {
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let (status, path) = (response.status(), uri.path());
    let allowed = response.headers().get(header::ALLOW);
    let problem = match (status, allowed) {
        (StatusCode::NOT_FOUND, _) => Problem::not_found(format!("there is no route {path}")),
        (StatusCode::METHOD_NOT_ALLOWED, Some(allowed)) => {
            let allowed = allowed.to_str().unwrap_or_default().replace(',', " or ");
            Problem::new(status, format!("{path} does not take {method}: send {allowed}"))
        }
        _ => return response,
    };
    let allowed = allowed.cloned();
    let mut response = problem.into_response();
    if let Some(allowed) = allowed {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
