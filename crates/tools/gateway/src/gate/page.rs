//! Pages of several services: one JSON object with a field for each part.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::auth::identity::Identity;
use crate::gate::exchange::Exchange;
use crate::gate::forward::outgoing_headers;
use crate::gate::table::{Page, PagePart};
use crate::http::body::{Answer, json};
use crate::http::headers::single;
use crate::http::problem::Problem;
use crate::upstream::failure::UpstreamFailure;
use crate::upstream::outgoing::{self, OutgoingRequest};

const LARGEST_PART: usize = 1024 * 1024;
const LARGEST_PROBLEM: usize = 16 * 1024;

#[derive(Serialize)]
struct ComposedPage<'a> {
    #[serde(flatten)]
    parts: BTreeMap<&'a str, Option<Box<RawValue>>>,
    missing: Vec<MissingPart<'a>>,
}

#[derive(Serialize)]
struct MissingPart<'a> {
    part: &'a str,
    status: u16,
    detail: String,
}

/// Asks all services at once. The page is ready with the slowest answer, or when its time is over.
pub(crate) async fn compose(
    page: &Page,
    path: &str,
    exchange: &Exchange<'_>,
    identity: Option<&Identity>,
) -> Result<Answer, Problem> {
    let values = page.pattern.matches(path).unwrap_or_default();
    let fetched = join_all(page.parts.iter().map(|part| {
        let path = part.path.fill(&values);
        fetch(page, part, path, exchange, identity)
    }));
    let mut composed = ComposedPage { parts: BTreeMap::new(), missing: Vec::new() };
    for (part, outcome) in page.parts.iter().zip(fetched.await) {
        let value = match outcome {
            Ok(value) => Some(value),
            Err(problem) if part.optional => {
                metrics::counter!("gateway_parts_missing_total",
                    "page" => page.path.clone(), "part" => part.name.clone())
                .increment(1);
                let status = problem.status.as_u16();
                let detail = problem.detail;
                composed.missing.push(MissingPart { part: &part.name, status, detail });
                None
            }
            Err(problem) => return Err(problem),
        };
        composed.parts.insert(&part.name, value);
    }
    let text = serde_json::to_vec(&composed).map_err(|error| {
        tracing::error!("a page cannot be written: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be written")
    })?;
    Ok(json(text))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceProblem {
    r#type: Option<String>,
    detail: Option<String>,
    errors: Vec<Value>,
}

async fn said(answer: Response<Incoming>) -> ServiceProblem {
    let kind = single(answer.headers(), header::CONTENT_TYPE).ok().flatten();
    if !kind.is_some_and(|kind| kind.starts_with("application/problem+json")) {
        return ServiceProblem::default();
    }
    let body = Limited::new(answer.into_body(), LARGEST_PROBLEM).collect().await;
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

async fn fetch(
    page: &Page,
    part: &PagePart,
    path: String,
    exchange: &Exchange<'_>,
    identity: Option<&Identity>,
) -> Result<Box<RawValue>, Problem> {
    let (name, upstream) = (&part.name, part.service.name());
    let told = |failure: UpstreamFailure| failure.report(upstream, &exchange.id, true);
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let request = OutgoingRequest {
        method: Method::GET,
        path: outgoing::path(path).map_err(told)?,
        headers: outgoing_headers(exchange, identity, headers),
        body: Bytes::new(),
        signed_in: page.access.scopes.is_some(),
        timeout: part.timeout,
        sent_by: None,
    };
    let bad = |detail: String| Problem::new(StatusCode::BAD_GATEWAY, detail);
    let answered = async {
        let answer = part.service.send(&request).await.map_err(told)?;
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // The service starts, or is overloaded.
            let detail = format!("{name}: {upstream} answered {status}");
            return Err(Problem::new(status, detail).retry_after(Duration::from_secs(1)));
        }
        if status.is_client_error() {
            let retry_after = single(answer.headers(), header::RETRY_AFTER).ok().flatten();
            let retry_after = retry_after.map(str::to_owned);
            let said = said(answer).await;
            let wordless = || format!("{name}: {upstream} answered {status}");
            let detail = said.detail.map_or_else(wordless, |detail| format!("{name}: {detail}"));
            let problem = Problem::new(status, detail).errors(said.errors).kind(said.r#type);
            return Err(match retry_after {
                Some(wait) => problem.with(header::RETRY_AFTER, wait),
                None => problem,
            });
        }
        if !status.is_success() {
            return Err(bad(format!("{name}: {upstream} answered {status}")));
        }
        let body = Limited::new(answer.into_body(), LARGEST_PART).collect().await;
        let bytes = body.map_err(|_| bad(format!("{name}: {upstream} broke off")))?.to_bytes();
        serde_json::from_slice(&bytes).map_err(|_| bad(format!("{name}: {upstream} sent no JSON")))
    };
    let limit = part.timeout;
    let answer = tokio::time::timeout(limit, answered).await;
    answer.unwrap_or_else(|_| Err(told(UpstreamFailure::TooSlow(limit))))
}
