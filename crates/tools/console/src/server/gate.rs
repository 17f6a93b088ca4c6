//! Checks of every request: session, a form's origin, and the answer's headers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use ballet_core::hosts;
use tokio::time::timeout;

use crate::access::role::Role;
use crate::access::token;
use crate::pages::layout::Person;
use crate::pages::words::encoded;
use crate::server::live::in_a_moment;
use crate::server::site::Site;
use crate::store::accounts;

pub(super) const NAME: &str = "ballet_console";
/// An edited body, with three bytes for each byte.
pub(super) const MOST_OF_A_FORM: usize = 4 * 1024 * 1024;
/// Longer than the wait for the database, so that the answer can report that.
const PATIENCE: Duration = Duration::from_secs(60);
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Says whether requests may be sent here: no longer when the console was asked to stop.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    if site.departure.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "it stops\n");
    }
    (StatusCode::OK, "it is ready\n")
}

/// Ends requests that a stranger sends too slowly.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    let late = |_| StatusCode::REQUEST_TIMEOUT.into_response();
    timeout(PATIENCE, next.run(request)).await.unwrap_or_else(late)
}

pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Answers only by an address or a name of the console's own. The page of another site, whose name its owner lets lead
/// here, would otherwise count as one of ours, with headers that it chooses.
pub(super) async fn own_hosts(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_own_host(host, &site.hosts) {
        return next.run(request).await;
    }
    let text = format!(
        "The console does not answer by the name {host:?}. If that is its name, start it with \
         `--host NAME`."
    );
    site.message(None, StatusCode::MISDIRECTED_REQUEST, "Not a name of the console", &text)
}

fn is_own_host(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = hosts::name(authority.host());
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Accepts a form only from one of our pages. The browser names the sender, and other sites' pages cannot change that.
pub(super) async fn own_forms(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_safe || is_from_here(request.headers()) {
        return next.run(request).await;
    }
    let text = "This was not sent from a page of the console. Open the page again, and send it from there.";
    site.message(None, StatusCode::FORBIDDEN, "Not sent from here", text)
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(from) = text("sec-fetch-site") {
        return from == "same-origin";
    }
    // An older browser, or a script.
    let host = text(HOST.as_str());
    let origin = text(ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
    host.is_some() && origin.map(|(_, of)| of) == host
}

pub(super) fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value)
}

/// Accepts only persons who have logged in or are named by a gateway.
pub(super) async fn logged_in(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    match in_a_moment(person(&site, from, request.headers())).await {
        Ok(Some(person)) => {
            request.extensions_mut().insert(person);
            next.run(request).await
        }
        Ok(None) => {
            let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
            Redirect::to(&format!("/login?next={}", encoded(wanted))).into_response()
        }
        Err(error) => site.away(None, &error),
    }
}

async fn person(
    site: &Site,
    from: SocketAddr,
    headers: &HeaderMap,
) -> Result<Option<Person>, sqlx::Error> {
    if let Some(trusted) = site.trusted.as_ref().filter(|trusted| trusted.believes(from.ip()))
        && let Some(name) = headers.get(&trusted.header).and_then(|name| name.to_str().ok())
        && !name.trim().is_empty()
    {
        let name = name.trim().to_owned();
        let role = match &trusted.operators {
            Some(group) if group.has(headers) => Role::Operator,
            Some(_) => Role::Viewer,
            // A person without an account may see, but not act.
            None => accounts::role(&site.context.pool, &name).await?.unwrap_or(Role::Viewer),
        };
        return Ok(Some(Person { name, role }));
    }
    let Some(given) = session(headers) else { return Ok(None) };
    let found =
        accounts::of_session(&site.context.pool, &token::hash(given), site.context.clock.now())
            .await?;
    Ok(found.map(|(name, role)| Person { name, role }))
}

pub(super) async fn operators(
    State(site): State<Arc<Site>>,
    Extension(person): Extension<Person>,
    request: Request,
    next: Next,
) -> Response {
    if !person.is_operator() {
        let group = site.trusted.as_ref().and_then(|trusted| trusted.operators.as_ref());
        let who = group.map_or_else(
            || ". `ballet console account NAME --role operator` makes one.".to_owned(),
            |group| format!(": a member of the group {}.", group.name),
        );
        let text = format!("Only an operator may do that{who}");
        return site.message(Some(&person), StatusCode::FORBIDDEN, "For operators", &text);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_OF_A_FORM).await else {
        let text = "The form is too big: use the command.";
        return site.message(Some(&person), StatusCode::PAYLOAD_TOO_LARGE, "Too big", text);
    };
    next.run(Request::from_parts(parts, Body::from(body))).await
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    #[test]
    fn who_logs_in_is_told_that_the_database_does_not_answer() {
        assert!(PATIENCE > PgPoolOptions::new().get_acquire_timeout());
    }

    #[test]
    fn a_form_counts_only_from_a_page_of_the_console() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                ((*name).parse().expect("a name"), HeaderValue::from_static(value))
            });
            is_from_here(&pairs.collect::<HeaderMap>())
        };
        assert!(headers(&[("sec-fetch-site", "same-origin")]));
        assert!(headers(&[("host", "h:1"), ("origin", "http://h:1")]));
        assert!(!headers(&[
            ("sec-fetch-site", "cross-site"),
            ("host", "h"),
            ("origin", "http://h")
        ]));
        assert!(!headers(&[("sec-fetch-site", "none")]));
        assert!(!headers(&[("host", "h:1"), ("origin", "http://evil")]));
        assert!(!headers(&[("host", "h:1"), ("origin", "null")]));
        assert!(!headers(&[("host", "h:1")]));
    }
}
