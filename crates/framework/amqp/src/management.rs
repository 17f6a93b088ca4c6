//! One call of RabbitMQ's management API. All calls of the API go through this.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::header::DATE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// RabbitMQ's management API at one address. `Debug` shows no password.
#[derive(Clone)]
pub struct ManagementApi {
    http: Client,
    /// The URL with user and password, which reqwest turns into a header.
    base: Url,
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
    /// The API at an address with user and password. An answer that takes longer is none.
    pub fn new(base: Url, patience: Duration) -> Result<Self, ManagementError> {
        // A redirect would lead elsewhere. A pooled connection would belong to the runtime that opened it.
        let http = Client::builder().no_proxy().redirect(Policy::none()).pool_max_idle_per_host(0);
        let http = http.timeout(patience).build();
        let http = http.map_err(|error| ManagementError::Unreachable(innermost(&error)))?;
        Ok(Self { http, base, longest: usize::MAX })
    }

    /// Reads no answer that is longer.
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
    /// The answer comes with the broker's time, as its header has it.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(T, Option<String>), ManagementError> {
        let unreachable = |error| ManagementError::Unreachable(innermost(&error));
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("api").extend(path);
        }
        let mut request = self.http.request(method, url).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        let mut text = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(unreachable)? {
            if part.len() > self.longest - text.len() {
                return Err(ManagementError::TooLong(self.longest));
            }
            text.extend_from_slice(&part);
        }
        if !status.is_success() {
            let text = String::from_utf8_lossy(&text).into_owned();
            return Err(ManagementError::Refused { status, text });
        }
        let text = if text.is_empty() { b"null" } else { &*text };
        Ok((serde_json::from_slice(text).map_err(ManagementError::NotJson)?, date))
    }
}

impl fmt::Debug for ManagementApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManagementApi").field(&self.address().as_str()).finish()
    }
}

/// The innermost source says the cause, such as "connection refused".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
