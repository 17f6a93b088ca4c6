//! Sends requests to one service.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use ballet_http::signature::CHALLENGE;
use hyper::body::Incoming;
use hyper::http::uri::Scheme;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::client::legacy::{self, Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use metrics::Counter;
use tokio::time::{Instant, sleep, timeout_at};

use crate::auth::signer::Signer;
use crate::config::file::Upstream;
use crate::http::body::{Body, full};
use crate::http::ids::random_number;
use crate::upstream::breaker::Breaker;
use crate::upstream::budget::RetryBudget;
use crate::upstream::failure::UpstreamFailure;
use crate::upstream::outgoing::OutgoingRequest;
use crate::upstream::servers::{Place, Servers};

/// Shorter than most services keep idle connections.
const IDLE: Duration = Duration::from_secs(10);

/// The maximum of addresses that a request tries to reach before it counts as failed.
const PLACES: usize = 3;

/// The outcome of a good attempt in the metrics.
const GOOD: &str = "ok";

/// A refused signature in the log.
const NOT_BELIEVED: &str = "a service refuses what this gateway signs: look whether both have the same \
                            secret ([signing], GATEWAY_SECRET) and the same time";

/// The place of an attempt among those of a request.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// Whether no other attempt follows, whatever its outcome.
    is_last: bool,
    /// Whether another address is tried if this one cannot be reached.
    has_others: bool,
}

/// A service behind the gateway.
#[derive(Debug)]
pub(crate) struct UpstreamService {
    pub(crate) config: Upstream,
    client: Client<HttpConnector, Body>,
    servers: Servers,
    breaker: Breaker,
    budget: RetryBudget,
    signer: Signer,
    /// Kept because a lookup is slower than counting.
    good: OnceLock<Counter>,
}

impl UpstreamService {
    pub(crate) fn new(config: &Upstream, signer: Signer) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(config.connect.0));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self {
            client,
            servers: Servers::new(config.servers.iter().map(|server| &server.0), config.connect.0),
            breaker: Breaker::new(&config.name, config.breaker.failures, config.breaker.open.0),
            budget: RetryBudget::new(),
            signer,
            good: OnceLock::new(),
            config: config.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// The config in force no longer names the service, or with other settings.
    pub(crate) fn remove(&self) {
        self.breaker.remove();
    }

    /// Sends a request and returns the head of the answer. A request that could not be sent to one address is sent to
    /// another one. Safe requests without a body are retried while there is time.
    pub(crate) async fn send(
        &self,
        mut request: OutgoingRequest,
    ) -> Result<Response<Incoming>, UpstreamFailure> {
        let safe = matches!(request.method, Method::GET | Method::HEAD);
        let mut retries = if safe && request.body.is_empty() { self.config.retries } else { 0 };
        let deadline = Instant::now() + request.timeout;
        self.budget.request();
        let mut places = PLACES;
        loop {
            places = places.min(self.servers.count()).saturating_sub(1);
            let attempt = Attempt { is_last: retries == 0 && places == 0, has_others: places > 0 };
            let outcome = self.attempt(&mut request, attempt, deadline).await;
            let word = match &outcome {
                Ok(answer) if !is_bad(answer.status()) => GOOD,
                Ok(_) => "unavailable",
                Err(failure) => failure.word(),
            };
            self.count(word);
            if let Err(UpstreamFailure::Unreachable(_)) = &outcome
                && attempt.has_others
                && Instant::now() < deadline
            {
                continue;
            }
            let worth_it = match &outcome {
                Ok(answer) => is_bad(answer.status()),
                Err(failure) => matches!(
                    failure,
                    UpstreamFailure::Unreachable(_)
                        | UpstreamFailure::Broken(_)
                        | UpstreamFailure::NotBelieved
                ),
            };
            if !worth_it || retries == 0 {
                return outcome;
            }
            // Varies by half, so that retries do not coincide.
            let pause = Duration::from_millis(25 + random_number() % 50);
            let in_time = Instant::now() + pause < deadline;
            if !in_time || !self.budget.retry() {
                return outcome;
            }
            retries -= 1;
            sleep(pause).await;
        }
    }

    fn count(&self, outcome: &'static str) {
        let counter = || {
            metrics::counter!("gateway_upstream_attempts_total",
                "upstream" => self.config.name.clone(), "outcome" => outcome)
        };
        if outcome == GOOD {
            self.good.get_or_init(counter).increment(1);
        } else {
            counter().increment(1);
        }
    }

    async fn attempt(
        &self,
        request: &mut OutgoingRequest,
        attempt: Attempt,
        deadline: Instant,
    ) -> Result<Response<Incoming>, UpstreamFailure> {
        let permit = self.breaker.admit().map_err(UpstreamFailure::LeftAlone)?;
        let place = match self.servers.next().await {
            Ok(place) => place,
            Err(why) => {
                if !attempt.has_others {
                    permit.judge(false);
                }
                return Err(UpstreamFailure::Unreachable(why));
            }
        };
        let server = &place.at;
        let mut headers = match attempt.is_last {
            true => std::mem::take(&mut request.headers),
            false => request.headers.clone(),
        };
        // Again for each attempt, since a signature has a time.
        let (method, path) = (&request.method, request.path.as_str());
        let signed = self.signer.sign(method, path, &request.body, &mut headers).await;
        signed.map_err(UpstreamFailure::Unreachable)?;
        let mut built = build(request, headers, &place).map_err(UpstreamFailure::Unreachable)?;
        let sent_by = request.sent_by;
        let sent_by =
            sent_by.map(|time| SendDeadline { time, connection: capture_connection(&mut built) });
        let sent = self.client.request(built);
        let outcome = within(deadline, request.timeout, sent, sent_by.as_ref()).await;
        let is_refused = |answer: &Response<Incoming>| {
            answer.status() == StatusCode::UNAUTHORIZED
                && (is_for_a_gateway(answer.headers()) || request.signed_in && self.signer.signs())
        };
        let outcome = match outcome {
            Ok(answer) if is_refused(&answer) => Err(UpstreamFailure::NotBelieved),
            outcome => outcome,
        };
        match &outcome {
            Ok(answer) => permit.judge(!is_away(answer.status())),
            Err(UpstreamFailure::TooLate) => {
                tracing::warn!(upstream = %self.config.name, %server, "a request with a key was not sent in its time");
                drop(permit);
            }
            // Another of the service's servers may accept the gateway's signature.
            Err(UpstreamFailure::NotBelieved) => {
                tracing::warn!(upstream = %self.config.name, %server, "{NOT_BELIEVED}");
                self.servers.is_away(&place);
                permit.judge(true);
            }
            Err(failure) => {
                tracing::debug!(upstream = %self.config.name, %server, "no answer: {failure:?}");
                let is_unreachable = matches!(failure, UpstreamFailure::Unreachable(_));
                if is_unreachable {
                    self.servers.is_away(&place);
                }
                // One address that is gone says nothing about the others.
                if !(is_unreachable && attempt.has_others) {
                    permit.judge(false);
                }
            }
        }
        outcome
    }
}

/// Whether a 401 is for a caller that is not the gateway. Any other 401 on a public route is about the client.
fn is_for_a_gateway(headers: &HeaderMap) -> bool {
    headers.get(header::WWW_AUTHENTICATE).is_some_and(|asked| asked == CHALLENGE)
}

/// Whether a retry may find the service better.
fn is_bad(status: StatusCode) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE || is_away(status)
}

/// Whether a proxy could not reach the service. A 503 is the service's own refusal of one request.
fn is_away(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT)
}

/// A request may be sent until then. Connecting may take long before.
#[derive(Debug)]
struct SendDeadline {
    time: Instant,
    connection: CaptureConnection,
}

impl SendDeadline {
    fn is_unsent(&self) -> bool {
        self.connection.connection_metadata().is_none()
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.time && self.is_unsent()
    }
}

async fn within(
    deadline: Instant,
    limit: Duration,
    mut sent: ResponseFuture,
    sent_by: Option<&SendDeadline>,
) -> Result<Response<Incoming>, UpstreamFailure> {
    let answered = poll_fn(|context| {
        if sent_by.is_some_and(SendDeadline::is_over) {
            return Poll::Ready(Err(UpstreamFailure::TooLate));
        }
        Pin::new(&mut sent).poll(context).map_err(|error| failed(&error))
    });
    match timeout_at(deadline, answered).await {
        Ok(outcome) => outcome,
        Err(_) if sent_by.is_some_and(SendDeadline::is_unsent) => {
            Err(UpstreamFailure::Unreachable(format!("no connection within {limit:?}")))
        }
        Err(_) => Err(UpstreamFailure::TooSlow(limit)),
    }
}

fn failed(error: &legacy::Error) -> UpstreamFailure {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let never_sent = error.is_connect();
    if never_sent { UpstreamFailure::Unreachable(cause) } else { UpstreamFailure::Broken(cause) }
}

fn build(
    request: &OutgoingRequest,
    headers: HeaderMap,
    place: &Place,
) -> Result<Request<Body>, String> {
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(place.at.clone())
        .path_and_query(request.path.clone())
        .build()
        .map_err(|error| error.to_string())?;
    let mut built = Request::new(full(request.body.clone()));
    *built.method_mut() = request.method.clone();
    *built.uri_mut() = uri;
    *built.headers_mut() = headers;
    built.headers_mut().insert(header::HOST, place.host.clone());
    if request.body.is_empty() && matches!(request.method, Method::GET | Method::HEAD) {
        built.headers_mut().remove(header::CONTENT_LENGTH);
    }
    Ok(built)
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
