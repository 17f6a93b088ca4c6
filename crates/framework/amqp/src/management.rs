//! The one way to call RabbitMQ's management API.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

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
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Position, Url};

/// RabbitMQ's management API at one address. `Debug` shows no password.
#[derive(Clone)]
pub struct ManagementApi {
    /// The URL with user and password, which become a header.
    base: Url,
    patience: Duration,
    longest: usize,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// There is no connection, or it broke.
    #[error("{0}")]
    Unreachable(String),
    /// It answers with another status than success.
    #[error("{status}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The text of the answer.
        text: String,
    },
    /// The answer does not end.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// Something else answers.
    #[error("{0}")]
    NotJson(serde_json::Error),
}

impl ManagementApi {
    /// Creates the API at an address with user and password. A call whose answer takes longer than
    /// `patience` fails.
    #[must_use]
    pub fn new(base: Url, patience: Duration) -> Self {
        Self { base, patience, longest: usize::MAX }
    }

    /// Fails a call whose answer is longer.
    #[must_use]
    pub fn at_most(self, bytes: usize) -> Self {
        Self { longest: bytes, ..self }
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
    /// The answer comes with the time in the broker's header.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(T, Option<String>), ManagementError> {
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
            .map_err(|error| ManagementError::Unreachable(innermost(&error)))?;
        let answer = timeout(self.patience, self.exchange(request)).await;
        let (status, date, text) = answer.unwrap_or_else(|_elapsed| {
            Err(ManagementError::Unreachable(format!("no answer within {:?}", self.patience)))
        })?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&text).into_owned();
            return Err(ManagementError::Refused { status, text });
        }
        let text = if text.is_empty() { b"null" } else { &*text };
        Ok((serde_json::from_slice(text).map_err(ManagementError::NotJson)?, date))
    }

    /// Sends a request over a connection of its own, which ends with this future. A redirect is not followed.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Option<String>, Vec<u8>), ManagementError> {
        let scheme = self.base.scheme();
        if scheme != "http" {
            let text = format!("only http:// is supported, and the address begins with {scheme}:");
            return Err(ManagementError::Unreachable(text));
        }
        let unreachable = |error: &dyn Error| ManagementError::Unreachable(innermost(error));
        // The name of a numeric IPv6 address has no brackets.
        let host = self.base.host_str().unwrap_or_default().trim_matches(['[', ']']);
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
                    return Err(ManagementError::TooLong(self.longest));
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    async fn refusal(base: &str, patience: Duration) -> String {
        let api = ManagementApi::new(base.parse().expect("a URL"), patience);
        let answer = api.call::<Value>(Method::GET, &["overview"], &[], None).await;
        answer.expect_err("no answer").to_string()
    }

    #[tokio::test]
    async fn a_password_is_not_sent_unencrypted_where_https_was_meant() {
        let api = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = api.local_addr().expect("an address");
        let error = refusal(&format!("https://u:s3cret@{address}"), Duration::from_secs(9)).await;
        assert_eq!(error, "only http:// is supported, and the address begins with https:");
        api.set_nonblocking(true).expect("it does not wait");
        assert!(api.accept().is_err(), "a connection was opened");
    }

    #[tokio::test]
    async fn a_connection_that_the_other_end_closes_first_is_not_waited_for() {
        let api = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = api.local_addr().expect("an address");
        let closing = std::thread::spawn(move || drop(api.accept().expect("a connection")));
        let error = refusal(&format!("http://u:p@{address}"), Duration::from_secs(60)).await;
        assert!(!error.contains("no answer within"), "{error}");
        closing.join().expect("closed");
    }
}
