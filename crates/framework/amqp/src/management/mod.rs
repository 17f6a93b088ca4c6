//! The client of RabbitMQ's management API. All calls of the API go through it.

mod error;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use ballet_core::hosts;
use ballet_core::mask::masked;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use url::{Position, Url};

pub use error::ManagementError;

/// The pause before a call that the broker answered with 500 is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
/// How often such a call is repeated.
const REPEATS: u32 = 4;

/// RabbitMQ's management API at one address, for one virtual host. `Debug` shows no password.
#[derive(Clone)]
pub struct ManagementApi {
    /// The URL with user and password, which become a header.
    pub(crate) base: Url,
    vhost: String,
    patience: Duration,
    longest: usize,
}

type Result<T, E = ManagementError> = std::result::Result<T, E>;

/// The counts of a queue. The broker counts every few seconds: by default five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct QueueDepth {
    /// Messages that wait for a consumer.
    #[serde(default, rename = "messages_ready")]
    pub ready: u64,
    /// Messages that are delivered and not settled.
    #[serde(default, rename = "messages_unacknowledged")]
    pub unacked: u64,
    /// Consumers of the queue.
    #[serde(default)]
    pub consumers: u64,
}

impl ManagementApi {
    /// The API at an address with user and password. An answer that takes longer is none.
    #[must_use]
    pub fn new(base: Url, vhost: &str, patience: Duration) -> Self {
        Self { base, vhost: vhost.to_owned(), patience, longest: usize::MAX }
    }

    /// The API at an address like `http://user:password@host:15672`.
    ///
    /// # Errors
    ///
    /// [`ManagementError::Address`] if it is not of that form.
    pub fn at(address: &str, vhost: &str, patience: Duration) -> Result<Self> {
        let base: Url = address.parse().map_err(|_| ManagementError::Address)?;
        if base.scheme() != "http" || base.username().is_empty() || base.password().is_none() {
            return Err(ManagementError::Address);
        }
        Ok(Self::new(base, vhost, patience))
    }

    /// Reads no answer that is longer.
    #[must_use]
    pub fn at_most(self, bytes: usize) -> Self {
        Self { longest: bytes, ..self }
    }

    /// The same API for another virtual host.
    #[must_use]
    pub fn in_vhost(&self, vhost: &str) -> Self {
        Self { vhost: vhost.to_owned(), ..self.clone() }
    }

    /// The virtual host.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// The address without user and password.
    pub fn address(&self) -> Url {
        let mut address = self.base.clone();
        // These fail only for URLs without a host.
        address.set_username("").ok();
        address.set_password(None).ok();
        address
    }

    /// Makes a call. The parts of the path are encoded here, so a virtual host may be named `/`.
    ///
    /// A broker under load sometimes answers 500 without a reason. A call that may be repeated without harm is repeated
    /// then.
    pub async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value> {
        Ok(self.answer(method, path, &[], body).await?.0)
    }

    /// Reads what is at a path.
    pub async fn get(&self, path: &[&str]) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Lists such objects of the virtual host: `queues`, `policies`.
    pub async fn list(&self, what: &str) -> Result<Vec<Value>> {
        Ok(self.answer(Method::GET, &[what, &self.vhost], &[], None).await?.0)
    }

    /// The broker's overview, and its time as the answer's header has it.
    pub async fn overview(&self) -> Result<(Value, Option<String>)> {
        self.answer(Method::GET, &["overview"], &[], None).await
    }

    /// The counts of a queue of the virtual host.
    pub async fn depth(&self, queue: &str) -> Result<QueueDepth> {
        Ok(self.answer(Method::GET, &["queues", &self.vhost, queue], &[], None).await?.0)
    }

    /// Makes a call, and again if it may be repeated. The answer comes with the broker's time.
    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(T, Option<String>)> {
        let is_repeatable = method != Method::POST || path == ["definitions"];
        let mut repeats_left = if is_repeatable { REPEATS } else { 0 };
        loop {
            match self.answer_once(&method, path, query, body).await {
                Err(ManagementError::Refused {
                    status: StatusCode::INTERNAL_SERVER_ERROR, ..
                }) if repeats_left > 0 => {
                    repeats_left -= 1;
                    sleep(REPEAT_AFTER).await;
                }
                answered => return answered,
            }
        }
    }

    async fn answer_once<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(T, Option<String>)> {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("api").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(AUTHORIZATION, sign_in(&url));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|error| self.unreachable(innermost(&error)))?;
        let answer = timeout(self.patience, self.exchange(request)).await;
        let (status, date, text) = answer.unwrap_or_else(|_elapsed| {
            Err(self.unreachable(format!("no answer within {:?}", self.patience)))
        })?;
        if !status.is_success() {
            let call = format!("{method} /api/{}", path.join("/"));
            return Err(self.refused(call, status, &String::from_utf8_lossy(&text)));
        }
        let text = if text.is_empty() { b"null" } else { &*text };
        let read = serde_json::from_slice(text);
        Ok((read.map_err(|error| self.unexpected(error.to_string()))?, date))
    }

    fn shown(&self) -> String {
        masked(self.base.as_str())
    }

    fn unreachable(&self, cause: String) -> ManagementError {
        ManagementError::Unreachable { at: self.shown(), cause }
    }

    fn unexpected(&self, cause: String) -> ManagementError {
        ManagementError::Unexpected { at: self.shown(), cause }
    }

    fn refused(&self, call: String, status: StatusCode, text: &str) -> ManagementError {
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; the user needs the tag administrator, or for `ballet topology` the tag policymaker and the rights \
                 that the definitions give to `topology`"
                    .to_owned()
            }
            StatusCode::NOT_FOUND => {
                format!("; check that it exists, and the virtual host {:?}", self.vhost)
            }
            status if status.is_server_error() => "; the broker's log says more".to_owned(),
            _ => String::new(),
        };
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        let reason = answer["reason"].as_str().unwrap_or(text.trim());
        let reason = format!("{reason}{advice}");
        ManagementError::Refused { at: self.shown(), status, call, reason }
    }

    /// Sends a request over a connection of its own, which ends with this future. A redirect is not followed.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Option<String>, Vec<u8>)> {
        let scheme = self.base.scheme();
        if scheme != "http" {
            let text = format!("only http:// is supported, and the address begins with {scheme}:");
            return Err(self.unreachable(text));
        }
        let unreachable = |error: &dyn Error| self.unreachable(innermost(error));
        let host = hosts::name(self.base.host_str().unwrap_or_default());
        let port = self.base.port_or_known_default().unwrap_or_default();
        let stream = TcpStream::connect((host, port)).await.map_err(|error| unreachable(&error))?;
        let opened = handshake(TokioIo::new(stream)).await;
        let (mut requests, connection) = opened.map_err(|error| unreachable(&error))?;
        let exchange = async {
            let sent = requests.send_request(request).await;
            let mut answer = sent.map_err(|error| unreachable(&error))?;
            let status = answer.status();
            let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
            let date = date.map(str::to_owned);
            let mut text = Vec::new();
            while let Some(frame) = answer.frame().await {
                let frame = frame.map_err(|error| unreachable(&error))?;
                let part = frame.into_data().unwrap_or_default();
                if part.len() > self.longest - text.len() {
                    let cause = format!("the answer has more than {} bytes", self.longest);
                    return Err(self.unexpected(cause));
                }
                text.extend_from_slice(&part);
            }
            Ok((status, date, text))
        };
        // A connection that has ended is dropped with its queue, so a request that waits in there fails at once.
        match select(pin!(exchange), Box::pin(connection)).await {
            Either::Left((answer, _)) => answer,
            // It has read all that it could.
            Either::Right((_, exchange)) => exchange.await,
        }
    }
}

impl fmt::Debug for ManagementApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManagementApi").field(&self.address().as_str()).finish()
    }
}

/// The header for the user and the password of a URL.
fn sign_in(url: &Url) -> String {
    let mut both = percent_decode_str(url.username()).collect::<Vec<_>>();
    both.push(b':');
    both.extend(percent_decode_str(url.password().unwrap_or_default()));
    format!("Basic {}", STANDARD.encode(both))
}

/// The innermost source says the cause, such as "connection refused".
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
