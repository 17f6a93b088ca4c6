//! The path below which browsers find the console, where a proxy serves it beside other sites. Pages are written as if
//! they were at the root; here all links of an answer move below the path.

use std::fmt;
use std::str::FromStr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;

/// The header in which a proxy says which path it has removed from a request.
const PREFIX: &str = "x-forwarded-prefix";
/// The attributes of a page that lead somewhere.
const LINKS: [&str; 4] = [" href=", " action=", " src=", " data-live-from="];
/// How attributes begin in a page, and in the JSON of a live page. No text of a page has such quotes: there they are
/// escaped.
const QUOTES: [&str; 2] = ["\"", "\\\""];
/// The cookie's path at the root.
const COOKIE_AT_ROOT: &str = "Path=/;";

/// The path below which browsers find the console, such as `/ops/ballet`. By default it is the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.chars().all(is_plain);
        let is_path = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment));
        if is_path || path.is_empty() {
            return Ok(Self(path.to_owned()));
        }
        Err(format!("expected a path like /ops/ballet of letters, digits and -._~, found {text:?}"))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Serves these routes below a path: the given one, or that of the proxy. It does not matter whether the proxy has
/// removed the path from its requests.
pub(crate) fn below(base: BasePath, routes: Router) -> Router {
    Router::new().fallback_service(routes).layer(from_fn_with_state(base, serve_below))
}

async fn serve_below(State(own): State<BasePath>, mut request: Request, next: Next) -> Response {
    let base = of_proxy(request.headers()).unwrap_or(own);
    if base.0.is_empty() {
        return next.run(request).await;
    }
    if let Some(inside) = base.inside(request.uri()) {
        *request.uri_mut() = inside;
    }
    base.moved(next.run(request).await).await
}

/// The path that a proxy names. Whoever else writes the header changes only the own page.
fn of_proxy(headers: &HeaderMap) -> Option<BasePath> {
    let base: BasePath = headers.get(PREFIX)?.to_str().ok()?.parse().ok()?;
    Some(base).filter(|base| !base.0.is_empty())
}

impl BasePath {
    /// Returns an address without this path, if it has it.
    fn inside(&self, uri: &Uri) -> Option<Uri> {
        let rest = uri.path_and_query()?.as_str().strip_prefix(&self.0)?;
        let rest = match rest.chars().next() {
            Some('/') => rest.to_owned(),
            None | Some('?') => format!("/{rest}"),
            Some(_) => return None,
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Moves all links of an answer below this path.
    async fn moved(self, answer: Response) -> Response {
        let (mut head, body) = answer.into_parts();
        let at_root = |text: &str| text.starts_with('/') && !text.starts_with("//");
        let to = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        if let Some(Ok(to)) = to.filter(|to| at_root(to)).map(|to| format!("{self}{to}").parse()) {
            head.headers.insert(LOCATION, to);
        }
        let cookie = head.headers.get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        let cookie = cookie.map(|cookie| cookie.replace(COOKIE_AT_ROOT, &format!("Path={self};")));
        if let Some(Ok(cookie)) = cookie.map(HeaderValue::try_from) {
            head.headers.insert(SET_COOKIE, cookie);
        }
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            // Each piece is a whole event.
            let pieces = body.into_data_stream().map_ok(move |piece| self.links(&piece));
            return Response::from_parts(head, Body::from_stream(pieces));
        }
        if !kind.starts_with("text/html") {
            return Response::from_parts(head, body);
        }
        match to_bytes(body, usize::MAX).await {
            Ok(page) => {
                head.headers.remove(CONTENT_LENGTH);
                Response::from_parts(head, Body::from(self.links(&page)))
            }
            Err(error) => {
                tracing::error!("a page cannot be read: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn links(&self, page: &[u8]) -> String {
        let mut page = String::from_utf8_lossy(page).into_owned();
        for (link, quote) in LINKS.iter().flat_map(|link| QUOTES.map(|quote| (link, quote))) {
            page = page.replace(&format!("{link}{quote}/"), &format!("{link}{quote}{self}/"));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BasePath {
        text.parse().expect("a path")
    }

    #[test]
    fn a_path_is_a_path_of_this_site() {
        for (text, path) in [("", ""), ("/", ""), ("/ops", "/ops"), ("/ops/b-1/", "/ops/b-1")] {
            assert_eq!(base(text).0, path);
        }
        for wrong in ["ops", "//evil.example", "/a//b", "/a/../b", "/a b", "/a\"b", "/a%2f", "/a?b"]
        {
            assert!(wrong.parse::<BasePath>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_loses_the_path_once_if_it_has_it() {
        for (asked, inside) in [
            ("/ops/sagas?q=a", Some("/sagas?q=a")),
            ("/ops", Some("/")),
            ("/ops?q=a", Some("/?q=a")),
            ("/ops/", Some("/")),
            ("/ops/ops", Some("/ops")),
            ("/opsagas", None),
            ("/sagas", None),
        ] {
            let found = base("/ops").inside(&asked.parse().expect("an address"));
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), inside, "{asked}");
        }
    }

    #[test]
    fn links_move_in_pages_and_in_their_live_parts_and_texts_stay() {
        for (written, moved) in [
            (r#"<a href="/sagas">"#, r#"<a href="/ops/sagas">"#),
            (r#"{"now":"<a href=\"/\">"}"#, r#"{"now":"<a href=\"/ops/\">"}"#),
            (
                r#"<form method="post" action="/login">"#,
                r#"<form method="post" action="/ops/login">"#,
            ),
            (r#"<div data-live-from="/live">"#, r#"<div data-live-from="/ops/live">"#),
            ("<a href=\"#e1\">", "<a href=\"#e1\">"),
            ("a text with href=&quot;/a&quot;", "a text with href=&quot;/a&quot;"),
        ] {
            assert_eq!(base("/ops").links(written.as_bytes()), moved);
        }
    }
}
