//! Tries a service's HTTP routes against its own OpenAPI document: sends requests that the document allows and
//! requests that it forbids, and compares each answer with the document.
//!
//! ```no_run
//! # async fn example() -> Result<(), ballet_testkit::openapi::NoDocument> {
//! let findings = ballet_testkit::openapi::try_out("http://127.0.0.1:8080", 7, 50).await?;
//! assert_eq!(findings, [""; 0]);
//! # Ok(()) }
//! ```

mod document;
mod judge;
mod lint;
mod pattern;
mod request;
mod sample;
mod schema;
mod spoil;
mod things;
mod trial;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::openapi::document::ApiDocument;
use crate::openapi::judge::SchemaJudge;
use crate::openapi::trial::ServiceTrial;

pub use crate::openapi::lint::lint;

/// The error of a service without a usable document.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP routes cannot be tried out: {0}")]
pub struct NoDocument(String);

/// Tries all routes of the service at this URL, which serves its document, and returns the faults, one sentence each.
/// The document itself is [linted](lint()) first. `seed` decides every request; `rounds` is the number of requests of
/// each kind for each route.
///
/// A route that can answer 401 must answer it to every request here, because none is signed. A route with `If-Match`
/// counts as tried once only the version was wrong.
///
/// Later requests use values from earlier answers, so the service should already have one object of each kind. A
/// route that has not succeeded yet gets values that belong together: those of one object, or of a `Location`.
///
/// # Errors
///
/// If the service does not answer, or does not serve a document.
pub async fn try_out(url: &str, seed: u64, rounds: u32) -> Result<Vec<String>, NoDocument> {
    try_out_as(None, url, seed, rounds).await
}

/// Like [`try_out`], with these headers in every request, for example credentials.
///
/// # Errors
///
/// If the service does not answer, or does not serve a document.
pub async fn try_out_with(
    headers: HeaderMap,
    url: &str,
    seed: u64,
    rounds: u32,
) -> Result<Vec<String>, NoDocument> {
    try_out_as(Some(headers), url, seed, rounds).await
}

async fn try_out_as(
    credentials: Option<HeaderMap>,
    url: &str,
    seed: u64,
    rounds: u32,
) -> Result<Vec<String>, NoDocument> {
    let is_known = credentials.is_some();
    let headers = credentials.unwrap_or_default();
    let client = reqwest::Client::builder().no_proxy().default_headers(headers).build();
    let client = client.map_err(|error| NoDocument(error.to_string()))?;
    let unreadable = |error: reqwest::Error| NoDocument(format!("{url}/openapi.json: {error}"));
    let answer = client.get(format!("{url}/openapi.json")).send().await.map_err(unreadable)?;
    let root: Value = answer.json().await.map_err(unreadable)?;
    let judge = SchemaJudge::new(&root).map_err(NoDocument)?;
    let document = ApiDocument::read(&judge).map_err(NoDocument)?;
    let mut findings = lint(&root);
    findings.extend(ServiceTrial::new(client, url, &document, seed).run(is_known, rounds).await);
    Ok(findings)
}
