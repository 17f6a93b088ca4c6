//! The embedded style, script and icon. Nothing is loaded from elsewhere.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");
const SIGN: &str = include_str!("console.svg");

fn asset(kind: &'static str, content: &'static str) -> Response {
    // Another build may have a different one under this name.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response()
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn sign() -> Response {
    asset("image/svg+xml", SIGN)
}
