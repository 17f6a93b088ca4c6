//! Tries out a service's HTTP routes by its own OpenAPI document: requests that the document allows,
//! requests that it forbids, and whether each answer is what the document says.
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

use crate::openapi::document::Document;
use crate::openapi::judge::Judge;
use crate::openapi::trial::Trial;

pub use crate::openapi::lint::lint;

/// The routes cannot be tried out, because there is no document of them.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP routes cannot be tried out: {0}")]
pub struct NoDocument(String);

/// Tries out all routes of the service at this URL, which serves its document, and returns what is
/// wrong, as sentences. First of all the document is [linted](lint()). `seed` decides every request; `rounds` is how many of each kind are sent to
/// each route.
///
/// A route that can answer 401 has to answer it to all of these requests, which nobody has signed. A
/// route with `If-Match` counts as tried out once only the version was wrong.
///
/// Values that occur in answers are used in later requests, so the routes should know a thing of
/// each kind. A route that has not answered with success yet gets values that belong together: those of one object,
/// or of a `Location`.
///
/// # Errors
///
/// If the service does not answer, or if its document is none.
pub async fn try_out(url: &str, seed: u64, rounds: u32) -> Result<Vec<String>, NoDocument> {
    try_out_as(None, url, seed, rounds).await
}

/// The same, with these headers in every request: credentials, for example.
///
/// # Errors
///
/// If the service does not answer, or if its document is none.
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
    let judge = Judge::new(&root).map_err(NoDocument)?;
    let document = Document::read(&judge).map_err(NoDocument)?;
    let mut findings = lint(&root);
    findings.extend(Trial::new(client, url, &document, seed).run(is_known, rounds).await);
    Ok(findings)
}
