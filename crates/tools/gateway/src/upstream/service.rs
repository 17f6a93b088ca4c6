//! Sends requests to one service.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use ballet_http::signature::CHALLENGE;
use hyper::body::Incoming;
use hyper::http::uri::{Authority, Scheme};
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
use crate::upstream::servers::Servers;

/// Shorter than most services keep idle connections.
const IDLE: Duration = Duration::from_secs(10);

const GOOD: &str = "ok";

/// A refused signature in the log.
const NOT_BELIEVED: &str = "a service refuses what this gateway signs: look whether both have the same \
                            secret ([signing], GATEWAY_SECRET) and the same time";

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
            servers: Servers::new(config.servers.iter().map(|server| &server.0)),
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

    /// Returns the answer's head. Safe requests without a body are retried while there is time.
    pub(crate) async fn send(
        &self,
        mut request: OutgoingRequest,
    ) -> Result<Response<Incoming>, UpstreamFailure> {
        let safe = matches!(request.method, Method::GET | Method::HEAD);
        let mut retries = if safe && request.body.is_empty() { self.config.retries } else { 0 };
        let deadline = Instant::now() + request.timeout;
        self.budget.request();
        loop {
            let outcome = self.attempt(&mut request, retries == 0, deadline).await;
            let word = match &outcome {
                Ok(answer) if !is_bad(answer.status()) => GOOD,
                Ok(_) => "unavailable",
                Err(failure) => failure.word(),
            };
            self.count(word);
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
        is_last: bool,
        deadline: Instant,
    ) -> Result<Response<Incoming>, UpstreamFailure> {
        let permit = self.breaker.admit().map_err(UpstreamFailure::LeftAlone)?;
        let Some(server) = self.servers.next() else {
            return Err(UpstreamFailure::Unreachable("no server".to_owned()));
        };
        let mut headers = match is_last {
            true => std::mem::take(&mut request.headers),
            false => request.headers.clone(),
        };
        // Again for each attempt, since a signature has a time.
        let (method, path) = (&request.method, request.path.as_str());
        let signed = self.signer.sign(method, path, &request.body, &mut headers).await;
        signed.map_err(UpstreamFailure::Unreachable)?;
        let mut built = build(request, headers, server).map_err(UpstreamFailure::Unreachable)?;
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
                self.servers.is_away(server);
                permit.judge(true);
            }
            Err(failure) => {
                if let UpstreamFailure::Unreachable(_) = failure {
                    self.servers.is_away(server);
                }
                tracing::debug!(upstream = %self.config.name, %server, "no answer: {failure:?}");
                permit.judge(false);
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
    server: &Authority,
) -> Result<Request<Body>, String> {
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(server.clone())
        .path_and_query(request.path.clone())
        .build()
        .map_err(|error| error.to_string())?;
    let mut built = Request::new(full(request.body.clone()));
    *built.method_mut() = request.method.clone();
    *built.uri_mut() = uri;
    *built.headers_mut() = headers;
    if request.body.is_empty() && matches!(request.method, Method::GET | Method::HEAD) {
        built.headers_mut().remove(header::CONTENT_LENGTH);
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::Path;

    use bytes::Bytes;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::sleep_until;

    use super::*;
    use crate::config::file::Config;

    /// Longer than a test waits.
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(300);

    /// Its queue has no room until a connection is accepted. The client's system tries again after a second.
    async fn full() -> (UpstreamService, TcpListener, TcpStream) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap();
        let listener = socket.listen(0).unwrap();
        let fills = TcpStream::connect(address).await.unwrap();
        let config = format!(
            "[[upstream]]\nname = \"a\"\nservers = [\"http://{address}\"]\nconnect = \"1m\"\n"
        );
        let config: Config = toml::from_str(&config).unwrap();
        let upstream = &config.upstreams[0];
        let signer = Signer::new(None, Path::new(""), &upstream.name).unwrap();
        (UpstreamService::new(upstream, signer), listener, fills)
    }

    fn keyed(timeout: Duration, sent_by: Instant) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::POST,
            path: hyper::http::uri::PathAndQuery::from_static("/a"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"x"),
            signed_in: false,
            timeout,
            sent_by: Some(sent_by),
        }
    }

    #[tokio::test]
    async fn a_request_whose_connection_comes_too_late_is_not_sent() {
        let (service, listener, _fills) = full().await;
        let sent_by = Instant::now() + SHORT;
        let accepted = async {
            sleep_until(sent_by).await;
            let _first = listener.accept().await.unwrap();
            let (mut second, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            second.read_to_end(&mut got).await.unwrap();
            String::from_utf8(got).unwrap()
        };
        let timeout = Duration::from_secs(10);
        let address = listener.local_addr().unwrap();
        let sending = async {
            let outcome = service.send(keyed(timeout, sent_by)).await;
            // If its time was already over, it made no connection to accept.
            drop(TcpStream::connect(address).await.unwrap());
            outcome
        };
        let (outcome, got) = tokio::join!(sending, accepted);
        assert_eq!((outcome.unwrap_err(), got.as_str()), (UpstreamFailure::TooLate, ""));
    }

    #[tokio::test]
    async fn a_request_without_a_connection_was_never_sent() {
        let (service, _listener, _fills) = full().await;
        let outcome = service.send(keyed(SHORT, Instant::now() + LONG)).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure, UpstreamFailure::Unreachable("no connection within 300ms".to_owned()));
        assert!(!failure.may_have_acted());
    }
}
