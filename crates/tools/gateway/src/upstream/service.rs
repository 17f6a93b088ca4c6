//! Sends requests to one service.

use std::error::Error;
use std::time::Duration;

use ballet_http::signature::CHALLENGE;
use hyper::body::Incoming;
use hyper::http::uri::Scheme;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep, timeout_at};

use crate::auth::signer::Signer;
use crate::config::file::Upstream;
use crate::http::body::{Body, full};
use crate::http::ids::random_number;
use crate::upstream::breaker::Breaker;
use crate::upstream::failure::UpstreamFailure;
use crate::upstream::outgoing::OutgoingRequest;
use crate::upstream::servers::{Server, Servers};

/// Shorter than most services keep idle connections.
const IDLE: Duration = Duration::from_secs(10);

/// A refused signature in the log.
const NOT_BELIEVED: &str = "a service refuses what this gateway signs: look whether both have the same \
                            secret ([signing], GATEWAY_SECRET) and the same time";

/// A service behind the gateway.
#[derive(Debug)]
pub(crate) struct UpstreamService {
    pub(crate) config: Upstream,
    client: Client<HttpConnector, Body>,
    servers: Servers,
    breaker: Breaker,
    signer: Signer,
}

type Outcome = Result<Response<Incoming>, UpstreamFailure>;

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
            signer,
            config: config.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Sends a request and returns the head of the answer. One that has done nothing is sent a second time, and so is a
    /// safe one.
    pub(crate) async fn send(&self, request: &OutgoingRequest) -> Outcome {
        self.breaker.admit().map_err(UpstreamFailure::LeftAlone)?;
        let deadline = Instant::now() + request.timeout;
        let mut outcome = self.attempt(request, deadline).await;
        // Varies by half, so that second tries do not coincide.
        let pause = Duration::from_millis(25 + random_number() % 50);
        if may_be_repeated(request, &outcome) && Instant::now() + pause < deadline {
            sleep(pause).await;
            outcome = self.attempt(request, deadline).await;
        }
        match &outcome {
            Ok(answer) => self.breaker.judge(!is_away(answer.status())),
            Err(UpstreamFailure::NotBelieved) => self.breaker.judge(true),
            Err(UpstreamFailure::TooLate) => {}
            Err(_) => self.breaker.judge(false),
        }
        outcome
    }

    async fn attempt(&self, request: &OutgoingRequest, deadline: Instant) -> Outcome {
        if request.sent_by.is_some_and(|by| Instant::now() >= by) {
            return Err(UpstreamFailure::TooLate);
        }
        let Some(server) = self.servers.next() else {
            return Err(UpstreamFailure::Unreachable("no server".to_owned()));
        };
        let outcome = self.ask(server, request, deadline).await;
        let word = match &outcome {
            Ok(answer) if is_away(answer.status()) => "away",
            Ok(_) => "ok",
            Err(failure) => failure.word(),
        };
        metrics::counter!("gateway_upstream_attempts_total",
            "upstream" => self.config.name.clone(), "outcome" => word)
        .increment(1);
        match &outcome {
            Ok(_) => {}
            Err(UpstreamFailure::NotBelieved) => {
                tracing::warn!(upstream = %self.config.name, server = %server.at, "{NOT_BELIEVED}");
                server.skip();
            }
            Err(failure) => {
                tracing::debug!(upstream = %self.config.name, server = %server.at, "no answer: {failure:?}");
                if matches!(failure, UpstreamFailure::Unreachable(_)) {
                    server.skip();
                }
            }
        }
        outcome
    }

    async fn ask(&self, server: &Server, request: &OutgoingRequest, deadline: Instant) -> Outcome {
        let mut headers = request.headers.clone();
        // Again for each attempt, since a signature has a time.
        let (method, path) = (&request.method, request.path.as_str());
        let signed = self.signer.sign(method, path, &request.body, &mut headers).await;
        signed.map_err(UpstreamFailure::Unreachable)?;
        let built = build(request, headers, server).map_err(UpstreamFailure::Unreachable)?;
        let answer = match timeout_at(deadline, self.client.request(built)).await {
            Ok(answered) => answered.map_err(|error| failed(&error))?,
            Err(_) => return Err(UpstreamFailure::TooSlow(request.timeout)),
        };
        let is_refused = answer.status() == StatusCode::UNAUTHORIZED
            && (is_for_a_gateway(answer.headers()) || request.signed_in && self.signer.signs());
        if is_refused { Err(UpstreamFailure::NotBelieved) } else { Ok(answer) }
    }
}

fn may_be_repeated(request: &OutgoingRequest, outcome: &Outcome) -> bool {
    let is_safe = matches!(request.method, Method::GET | Method::HEAD) && request.body.is_empty();
    match outcome {
        Ok(answer) => is_safe && is_away(answer.status()),
        // Nothing was done.
        Err(UpstreamFailure::Unreachable(_) | UpstreamFailure::NotBelieved) => true,
        Err(UpstreamFailure::Broken(_)) => is_safe,
        Err(_) => false,
    }
}

/// Whether a 401 is for a caller that is not the gateway. Any other 401 on a public route is about the client.
fn is_for_a_gateway(headers: &HeaderMap) -> bool {
    headers.get(header::WWW_AUTHENTICATE).is_some_and(|asked| asked == CHALLENGE)
}

/// Whether a proxy could not reach the service. A 503 is the service's own refusal of one request.
fn is_away(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT)
}

fn failed(error: &legacy::Error) -> UpstreamFailure {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let never_sent = error.is_connect();
    if never_sent { UpstreamFailure::Unreachable(cause) } else { UpstreamFailure::Broken(cause) }
}

fn build(
    request: &OutgoingRequest,
    headers: HeaderMap,
    server: &Server,
) -> Result<Request<Body>, String> {
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(server.at.clone())
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
