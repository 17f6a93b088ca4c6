//! Logging in and out.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::access::{password, token};
use crate::error::ConsoleError;
use crate::pages::login::login;
use crate::server::gate::{NAME, session};
use crate::server::site::Site;
use crate::store::accounts;

/// A session ends after a working day.
const LASTS: SignedDuration = SignedDuration::from_hours(12);

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Given {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn form(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Response {
    shown(&site, StatusCode::OK, &wanted.next, None)
}

fn shown(site: &Site, status: StatusCode, next: &str, wrong: Option<&str>) -> Response {
    let page = login(&site.frame(None, None), next, wrong);
    (status, Html(page.into_string())).into_response()
}

pub(super) async fn log_in(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Form(given): Form<Given>,
) -> Response {
    let address = from.ip().to_string();
    let whose = [given.name.as_str(), address.as_str()];
    if !site.attempts.begin(&whose) {
        let wrong = "That was tried too often. Wait a minute.";
        return shown(&site, StatusCode::TOO_MANY_REQUESTS, &given.next, Some(wrong));
    }
    match begin(&site, &given).await {
        Ok(Some(token)) => {
            site.attempts.forget(&whose);
            (cookie(&site, &token, LASTS.as_secs()), Redirect::to(own(&given.next))).into_response()
        }
        Ok(None) => {
            let wrong = "The name or the password is wrong.";
            shown(&site, StatusCode::UNAUTHORIZED, &given.next, Some(wrong))
        }
        Err(ConsoleError::Database(error)) => site.away(None, &error),
        Err(error) => {
            tracing::error!("nobody can log in: {error}");
            site.message(
                None,
                StatusCode::INTERNAL_SERVER_ERROR,
                "Nobody can log in",
                &error.to_string(),
            )
        }
    }
}

/// Begins a session if the password is right, and returns its token.
async fn begin(site: &Site, given: &Given) -> Result<Option<String>, ConsoleError> {
    if given.password.len() > password::LONGEST || given.name.contains('\0') {
        return Ok(None);
    }
    let kept = accounts::password(&site.pool, &given.name).await?;
    let typed = given.password.clone();
    let Ok(_turn) = site.hashing.acquire().await else { return Ok(None) };
    // It takes some milliseconds and a whole core.
    let is_right = tokio::task::spawn_blocking(move || password::is_right(&typed, kept.as_ref()));
    if !is_right.await.unwrap_or(Ok(false))? {
        return Ok(None);
    }
    let (token, now) = (token::new()?, site.clock.now());
    let until = now.checked_add(LASTS).unwrap_or(now);
    accounts::begin(&site.pool, &given.name, &token::kept(&token), now, until).await?;
    Ok(Some(token))
}

pub(super) async fn log_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if let Some(given) = session(&headers)
        && let Err(error) = accounts::end(&site.pool, &token::kept(given)).await
    {
        return site.away(None, &error);
    }
    (cookie(&site, "", 0), Redirect::to("/login")).into_response()
}

fn cookie(site: &Site, token: &str, seconds: i64) -> [(axum::http::HeaderName, String); 1] {
    let secure = if site.is_behind_tls { "; Secure" } else { "" };
    let cookie =
        format!("{NAME}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    [(SET_COOKIE, cookie)]
}

/// An address of the console. Nobody is led elsewhere.
fn own(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(own("/sagas?q=a%20b"), "/sagas?q=a%20b");
        for elsewhere in ["", "//evil", "https://evil", "/\\evil", "/a\r\nSet-Cookie: b", "/a b"] {
            assert_eq!(own(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
