//! Login and logout.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use ballet_http::limits::network;
use ballet_http::peers;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::access::{password, token};
use crate::pages::login::login;
use crate::server::gate::{NAME, session};
use crate::server::site::Site;
use crate::store::accounts;

/// A working day.
const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// The attempts of an address in a window, after which no more are made. No name is locked, or whoever knows it could
/// keep its owner out.
const MOST_ATTEMPTS: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
pub(super) struct LoginQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn form(
    State(site): State<Arc<Site>>,
    Query(wanted): Query<LoginQuery>,
) -> Response {
    shown(&site, StatusCode::OK, &wanted.next, None)
}

fn shown(site: &Site, status: StatusCode, next: &str, wrong: Option<&str>) -> Response {
    let page = login(&site.frame(None), next, wrong);
    (status, Html(page.into_string())).into_response()
}

pub(super) async fn log_in(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(given): Form<LoginForm>,
) -> Response {
    let network = network(address(from.ip(), &headers, site.is_behind_tls));
    // First, so that concurrent ones are all counted.
    let attempt = site.attempts.take(network, MOST_ATTEMPTS, WINDOW);
    if !attempt.allowed {
        let wrong = "That was tried too often. Wait a minute.";
        let page = shown(&site, StatusCode::TOO_MANY_REQUESTS, &given.next, Some(wrong));
        return ([(RETRY_AFTER, attempt.reset.as_secs().max(1).to_string())], page).into_response();
    }
    match begin(&site, &given).await {
        Ok(Some(token)) => {
            site.attempts.forget(&network);
            let to = Redirect::to(console_address(&given.next));
            ([cookie(&site, &token, LASTS.as_secs())], to).into_response()
        }
        Ok(None) => {
            let wrong = "The name or the password is wrong.";
            shown(&site, StatusCode::UNAUTHORIZED, &given.next, Some(wrong))
        }
        Err(error) => site.away(None, &error),
    }
}

/// Returns a person's address. Behind HTTPS it is the last entry that the proxy has appended.
fn address(from: IpAddr, headers: &HeaderMap, is_behind_tls: bool) -> IpAddr {
    // Only the peer is a proxy. Anybody may have written the entries before the last one.
    let is_proxy = Cell::new(is_behind_tls);
    peers::client(from, headers, |_| is_proxy.replace(false))
}

/// Begins a session if the password is right, and returns its token.
async fn begin(site: &Site, given: &LoginForm) -> Result<Option<String>> {
    if given.password.len() > password::LONGEST || given.name.contains('\0') {
        return Ok(None);
    }
    let kept = accounts::password(&site.context.pool, &given.name).await?;
    let typed = given.password.clone();
    let Ok(_turn) = site.hashing.acquire().await else { return Ok(None) };
    // Hashing takes some milliseconds of a whole core.
    let is_right = tokio::task::spawn_blocking(move || password::is_right(&typed, kept.as_ref()));
    if !is_right.await.unwrap_or(Ok(false))? {
        return Ok(None);
    }
    let (token, now) = (token::new()?, site.context.clock.now());
    let until = now.checked_add(LASTS).unwrap_or(now);
    accounts::begin(&site.context.pool, &given.name, &token::hash(&token), now, until).await?;
    Ok(Some(token))
}

pub(super) async fn log_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if let Some(given) = session(&headers)
        && let Err(error) = accounts::end(&site.context.pool, &token::hash(given)).await
    {
        return site.away(None, &error);
    }
    ([cookie(&site, "", 0)], Redirect::to("/login")).into_response()
}

fn cookie(site: &Site, value: &str, seconds: i64) -> (HeaderName, String) {
    let secure = if site.is_behind_tls { "; Secure" } else { "" };
    let cookie =
        format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    (SET_COOKIE, cookie)
}

/// A login never leads elsewhere.
fn console_address(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(console_address("/sagas?q=a%20b"), "/sagas?q=a%20b");
        for elsewhere in ["", "//evil", "https://evil", "/\\evil", "/a\r\nSet-Cookie: b", "/a b"] {
            assert_eq!(console_address(elsewhere), "/", "{elsewhere:?}");
        }
    }
    #[test]
    fn behind_https_a_person_is_where_the_proxy_was_asked_from() {
        let address = |headers: &[&'static str], is_behind_tls| {
            let values =
                headers.iter().map(|value| (X_FORWARDED_FOR, HeaderValue::from_static(value)));
            let proxy = IpAddr::from([10, 0, 0, 7]);
            address(proxy, &values.collect::<HeaderMap>(), is_behind_tls).to_string()
        };
        assert_eq!(address(&["1.2.3.4, 5.6.7.8"], true), "5.6.7.8");
        assert_eq!(address(&["1.2.3.4, 5.6.7.8:9"], true), "5.6.7.8");
        assert_eq!(address(&["1.2.3.4, [2001:db8::1]:9"], true), "2001:db8::1");
        assert_eq!(address(&["1.2.3.4", "2001:db8::1"], true), "2001:db8::1");
        for (headers, is_behind_tls) in
            [(&[][..], true), (&["nobody"], true), (&["1.2.3.4"], false)]
        {
            assert_eq!(address(headers, is_behind_tls), "10.0.0.7", "{headers:?}");
        }
    }
}
