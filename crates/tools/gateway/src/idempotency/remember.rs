//! Makes a request once, and repeats its answer.
//!
//! A request with an unknown outcome (the gateway died, the service broke off or answered 5xx) is made again only if
//! the service recognises the key. Otherwise the key answers 409, and the client finds out what happened, and chooses
//! another key if it was nothing. A service that recognises keys is asked again at once, even while another gateway may
//! wait for its answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use crate::http::body::{Answer, full};
use crate::http::ids::random_number;
use crate::http::problem::Problem;
use crate::idempotency::body_start::{self, BodyStart};
use crate::idempotency::keys_in_use::{KeyConflict, KeysInUse};
use crate::store::database::Database;
use crate::store::idempotent_requests::{self as store, KeyState, RequestKey, StoredAnswer};
use crate::upstream::failure::UpstreamFailure;

const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// In bytes.
const LARGEST: usize = 256 * 1024;
/// A request may be sent this long after its beginning, and the lease is longer by this.
const PROMPT: Duration = Duration::from_secs(15);
/// The pause before the first later try to free a key. Pauses double, so the last try is after half a minute.
const FREE_AFTER: Duration = Duration::from_millis(500);
const FREE_TRIES: u32 = 6;

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
    database: &Arc<Database>,
    underway: &KeysInUse,
    keyed: KeyedRequest,
    send: impl AsyncFnOnce(Instant) -> Result<Answer, UpstreamFailure>,
) -> Result<Answer, Problem> {
    let attempt = i64::from_ne_bytes(random_number().to_ne_bytes());
    let key = RequestKey { client: keyed.client.clone(), key: keyed.key.clone(), attempt };
    let (print, again) = (&keyed.fingerprint, keyed.deduplicates);
    let (lease, sent_by) = (PROMPT + keyed.timeout * 2, Instant::now() + PROMPT);
    let count = |found: &'static str| {
        metrics::counter!("gateway_idempotent_requests_total", "found" => found).increment(1);
    };
    let _in_use = match underway.begin(&key.client, &key.key, print) {
        Ok(in_use) => in_use,
        Err(taken) => {
            let (found, problem) = match taken {
                KeyConflict::Same => ("running", still_running()),
                KeyConflict::ByAnother => ("other", used_for_another()),
            };
            count(found);
            return Err(problem);
        }
    };
    let mut was_asked = false;
    let known = database
        .ask(async |pool| {
            let mut connection = pool.acquire().await?;
            was_asked = true;
            store::begin(&mut connection, &key, print, lease, KEPT_FOR, again).await
        })
        .await
        .map_err(|why| {
            count("away");
            if was_asked {
                // The key may be stored, or be stored later.
                free_later(database, &key);
            }
            let request_id = &*keyed.request_id;
            tracing::warn!(request_id, "a request with an Idempotency-Key was not sent: {why}");
            let detail = "the memory for Idempotency-Key is away, so nothing was sent: try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                .retry_after(Duration::from_secs(1))
        })?;
    count(match &known {
        KeyState::New => "new",
        KeyState::Other => "other",
        KeyState::Running(_) => "running",
        KeyState::Unknown => "unknown",
        KeyState::Answered(_) => "answered",
    });
    match known {
        KeyState::New => {}
        KeyState::Answered(kept) => return repeated_answer(kept),
        KeyState::Other => return Err(used_for_another()),
        KeyState::Running(left) => {
            let detail = "the first request with this Idempotency-Key has no answer yet: a gateway \
                          waits for it, or has died with it, or could not keep it; ask again after \
                          Retry-After";
            return Err(Problem::new(StatusCode::CONFLICT, detail).retry_after(left));
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

fn used_for_another() -> Problem {
    let detail = "this Idempotency-Key was used for another request: choose a new one";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).header("Idempotency-Key")
}

fn still_running() -> Problem {
    let detail = "the first request with this Idempotency-Key is still running";
    Problem::new(StatusCode::CONFLICT, detail).retry_after(Duration::from_secs(1))
}

async fn settle(
    database: &Arc<Database>,
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

async fn end(database: &Arc<Database>, key: &RequestKey, may_have_acted: bool) {
    if may_have_acted {
        let ended = database.ask(async |pool| store::end_without_answer(pool, key).await).await;
        if let Err(why) = ended {
            tracing::warn!("an Idempotency-Key stays in use until its lease ends: {why}");
        }
    } else if database.ask(async |pool| store::forget_unsent(pool, key).await).await.is_err() {
        free_later(database, key);
    }
}

/// Frees a key under which nothing was sent. It may never have been stored, or be stored later, so there are few tries.
fn free_later(database: &Arc<Database>, key: &RequestKey) {
    let (database, key) = (Arc::clone(database), key.clone());
    tokio::spawn(async move {
        let mut freed = Ok(false);
        for number in 0..FREE_TRIES {
            sleep(FREE_AFTER * 2_u32.pow(number)).await;
            freed = database.ask(async |pool| store::forget_unsent(pool, &key).await).await;
            if let Ok(true) = freed {
                return;
            }
        }
        if let Err(why) = freed {
            tracing::warn!("an Idempotency-Key may stay in use, though nothing was sent: {why}");
        }
    });
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
