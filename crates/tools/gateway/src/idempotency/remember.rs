//! Makes a request once, and repeats its answer.
//!
//! A request with an unknown outcome (the gateway died, the service broke off or answered 5xx) is made again only if
//! the service recognises the key. Otherwise the key answers 409, and the client finds out what happened, and chooses
//! another key if it was nothing. A service that recognises keys is asked again at once, even while another gateway may
//! wait for its answer.

use std::time::Duration;

use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::time::{Instant, timeout};

use crate::http::body::{Answer, full};
use crate::http::ids::random_number;
use crate::http::problem::Problem;
use crate::idempotency::body_start::{self, BodyStart};
use crate::store::database::Database;
use crate::store::idempotent_requests::{self as store, KeyState, RequestKey, StoredAnswer};
use crate::upstream::failure::UpstreamFailure;

const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// In bytes.
const LARGEST: usize = 256 * 1024;
/// A request may be sent this long after its beginning, and the lease is longer by this.
const PROMPT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct KeyedRequest {
    pub(crate) client: String,
    pub(crate) key: String,
    pub(crate) fingerprint: Vec<u8>,
    /// The limit for the head of the answer, and again for the stored part of its body.
    pub(crate) timeout: Duration,
    /// Whether the service recognises the key.
    pub(crate) deduplicates: bool,
    pub(crate) upstream: String,
    pub(crate) request_id: String,
}

/// Makes the request, or repeats the stored answer. `send` gets the time after which it must not send.
pub(crate) async fn once(
    database: &Database,
    keyed: KeyedRequest,
    send: impl AsyncFnOnce(Instant) -> Result<Answer, UpstreamFailure>,
) -> Result<Answer, Problem> {
    let attempt = i64::from_ne_bytes(random_number().to_ne_bytes());
    let key = RequestKey { client: keyed.client.clone(), key: keyed.key.clone(), attempt };
    let (print, again) = (&keyed.fingerprint, keyed.deduplicates);
    let (lease, sent_by) = (PROMPT + keyed.timeout * 2, Instant::now() + PROMPT);
    let known = database
        .ask(async |pool| store::begin(pool, &key, print, lease, KEPT_FOR, again).await)
        .await
        .map_err(|why| {
            let request_id = &*keyed.request_id;
            tracing::warn!(request_id, "a request with an Idempotency-Key was not sent: {why}");
            let detail = "the memory for Idempotency-Key is away, so nothing was sent: try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                .retry_after(Duration::from_secs(1))
        })?;
    match known {
        KeyState::New => {}
        KeyState::Answered(kept) => return repeated_answer(kept),
        KeyState::Other => {
            let detail = "this Idempotency-Key was used for another request: choose a new one";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
            return Err(problem.header("Idempotency-Key"));
        }
        KeyState::Running => {
            let detail = "the first request with this Idempotency-Key has no answer yet: a gateway \
                          waits for it, or has died with it, or could not keep it; ask again";
            let problem = Problem::new(StatusCode::CONFLICT, detail);
            return Err(problem.retry_after(Duration::from_secs(1)));
        }
        KeyState::Unknown => {
            let detail = "nobody knows whether the request with this Idempotency-Key took effect: \
                          look, and choose a new key if it did not";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
    }
    let outcome = send(sent_by).await;
    settle(database, &key, outcome, &keyed).await
}

async fn settle(
    database: &Database,
    key: &RequestKey,
    outcome: Result<Answer, UpstreamFailure>,
    keyed: &KeyedRequest,
) -> Result<Answer, Problem> {
    let limit = keyed.timeout;
    let told = |failure: &UpstreamFailure| {
        failure.report(&keyed.upstream, &keyed.request_id, keyed.deduplicates)
    };
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => {
            end(database, key, failure.may_have_acted()).await;
            return Err(told(&failure));
        }
    };
    let status = answer.status();
    // With these the service says that it has not acted.
    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::TOO_EARLY, StatusCode::REQUEST_TIMEOUT];
    let may_be_later = status == StatusCode::SERVICE_UNAVAILABLE || status.is_client_error();
    let is_later =
        later.contains(&status) || (may_be_later && answer.headers().contains_key(RETRY_AFTER));
    if status.is_server_error() || is_later {
        end(database, key, !is_later).await;
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    let read = match timeout(limit, body_start::read(body, LARGEST)).await {
        Ok(Ok(start)) => Ok(start),
        Ok(Err(why)) => Err(UpstreamFailure::Broken(why.to_string())),
        Err(_) => Err(UpstreamFailure::TooSlow(limit)),
    };
    let start = match read {
        Ok(start) => start,
        Err(failure) => {
            end(database, key, true).await;
            return Err(told(&failure));
        }
    };
    let headers: Vec<(&str, &str)> = head
        .headers
        .iter()
        .filter(|(name, _)| **name != CONTENT_LENGTH)
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let kept = StoredAnswer {
        status: i32::from(status.as_u16()),
        headers: serde_json::to_string(&headers).unwrap_or_default(),
        body: match &start {
            BodyStart::Whole(bytes) => Some(bytes.to_vec()),
            BodyStart::More(_) => None,
        },
    };
    if let Err(why) = database.ask(async |pool| store::save_answer(pool, key, &kept).await).await {
        // After the lease, later requests find the outcome unknown.
        tracing::warn!("an answer for an Idempotency-Key was not kept: {why}");
    }
    let body = match start {
        BodyStart::Whole(bytes) => full(bytes),
        BodyStart::More(body) => body,
    };
    Ok(Response::from_parts(head, body))
}

async fn end(database: &Database, key: &RequestKey, may_have_acted: bool) {
    let ended = database
        .ask(async |pool| match may_have_acted {
            true => store::end_without_answer(pool, key).await,
            false => store::forget_unsent(pool, key).await,
        })
        .await;
    if let Err(why) = ended {
        tracing::warn!("an Idempotency-Key stays in use until its lease ends: {why}");
    }
}

fn repeated_answer(kept: StoredAnswer) -> Result<Answer, Problem> {
    let Some(body) = kept.body else {
        let detail = format!(
            "the request was carried out with status {}; its answer was too large to be kept",
            kept.status
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    let mut answer = Response::new(full(body));
    let status = u16::try_from(kept.status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
    let headers: Vec<(String, String)> = serde_json::from_str(&kept.headers).unwrap_or_default();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            answer.headers_mut().append(name, value);
        }
    }
    let again = HeaderName::from_static("idempotency-replayed");
    answer.headers_mut().insert(again, HeaderValue::from_static("true"));
    Ok(answer)
}
