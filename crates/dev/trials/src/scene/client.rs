//! A client of a site's services that repeats a request until there is an answer.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::OptionFuture;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use crate::customers::operation::{ClientAnswer, judge};
use crate::scene::site::Site;

const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
const KEY: &str = "Idempotency-Key";

/// A client of a site. It goes through the gateway in a run that has one.
#[derive(Debug, Clone, Copy)]
pub struct SiteClient<'a> {
    /// The site.
    pub site: &'a Site,
    /// Chooses the process of a service: the same one, unless processes come or go.
    pub number: usize,
    /// The token for the gateway.
    pub token: Option<&'a str>,
}

impl<'a> SiteClient<'a> {
    /// A client without a token.
    #[must_use]
    pub const fn new(site: &'a Site, number: usize) -> Self {
        Self { site, number, token: None }
    }

    /// The same client with another token.
    #[must_use]
    pub const fn with<'b>(self, token: Option<&'b str>) -> SiteClient<'b>
    where
        'a: 'b,
    {
        SiteClient { site: self.site, number: self.number, token }
    }

    /// Builds a request to a service. `Value::Null` means no body.
    ///
    /// # Errors
    ///
    /// If no process of the service has an address yet.
    pub async fn request(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<RequestBuilder> {
        let url = match self.site.gateway() {
            Some(gateway) => gateway.url.clone(),
            None => self.site.url(service, self.number).await?,
        };
        let mut request = self.site.http.request(method, format!("{url}{path}"));
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        Ok(if body.is_null() { request } else { request.json(body) })
    }

    /// Sends a request once. Returns the answer as the client sees it, and its body.
    pub async fn once(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: &Value,
    ) -> (ClientAnswer, Value) {
        let is_safe = method.is_safe();
        let request = self.request(method, service, path, body).await;
        // A gateway may require a key.
        let request = match request {
            Ok(request) if !is_safe => Ok(request.header(KEY, self.site.new_id().to_string())),
            other => other,
        };
        match OptionFuture::from(request.ok().map(RequestBuilder::send)).await {
            Some(Ok(answer)) => judge(answer).await,
            Some(Err(_)) | None => (ClientAnswer::Nothing, Value::Null),
        }
    }

    /// Sends a request, again under the same key while the service is unavailable or overloaded, and returns the
    /// answer.
    ///
    /// # Errors
    ///
    /// If the service is unavailable for minutes.
    pub async fn ask(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<(StatusCode, Value)> {
        let (begun, mut key) = (Instant::now(), self.site.new_id());
        loop {
            let mut wait = None;
            // The process may be gone, so each attempt gets a new URL.
            if let Ok(mut request) = self.request(method.clone(), service, path, body).await {
                if !method.is_safe() {
                    request = request.header(KEY, key.to_string());
                }
                if let Ok(answer) = request.send().await {
                    let status = answer.status();
                    let asked = answer.headers().get(RETRY_AFTER);
                    let asked = asked.and_then(|wait| wait.to_str().ok()?.parse().ok());
                    wait = asked.map(Duration::from_secs);
                    let is_over =
                        !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS;
                    // An answer that breaks off counts as none.
                    let text = answer.text().await.ok().filter(|_| is_over);
                    let is_unknown = |text: &String| {
                        status == StatusCode::CONFLICT && !method.is_safe() && text.contains(KEY)
                    };
                    match text {
                        Some(text) if !is_unknown(&text) => {
                            return Ok((status, serde_json::from_str(&text).unwrap_or_default()));
                        }
                        // The killed gateway may have passed the request on.
                        Some(_) if wait.is_none() => {
                            self.site.gave_up();
                            key = self.site.new_id();
                        }
                        _ => {}
                    }
                }
            }
            if begun.elapsed() >= PATIENCE {
                return Err(NoAnswer(format!("{service} to {method} {path}")).into());
            }
            tokio::time::sleep(wait.unwrap_or(PAUSE)).await;
        }
    }

    /// Reads a resource, which may not exist.
    ///
    /// # Errors
    ///
    /// If the service is unavailable for minutes.
    pub async fn get(&self, service: &str, path: &str) -> Result<(StatusCode, Value)> {
        self.ask(Method::GET, service, path, &Value::Null).await
    }

    /// Sends a request that has to succeed, and returns the answer.
    ///
    /// # Errors
    ///
    /// If it does not succeed, or the service is unavailable for minutes.
    pub async fn done(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value> {
        let (status, answer) = self.ask(method, service, path, body).await?;
        ensure!(status.is_success(), "{path} answered {status}: {answer}");
        Ok(answer)
    }

    /// Reads a resource until it is there and satisfies the condition.
    ///
    /// # Errors
    ///
    /// If it does not for minutes, or is unreadable.
    pub async fn until(
        &self,
        service: &str,
        path: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let (status, read) = self.get(service, path).await?;
            if status.is_success() && is(&read) {
                return Ok(read);
            }
            // A service that learns of it by an event may not have heard yet.
            let may_come = status.is_success() || status == StatusCode::NOT_FOUND;
            ensure!(may_come, "{path} answered {status}: {read}");
            ensure!(begun.elapsed() < PATIENCE, "{path} is not {what}: {read}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A service was unavailable for minutes.
#[derive(Debug)]
struct NoAnswer(String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer of {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// Turns the error of a service that was unavailable for minutes into `None`, for a caller that goes on without it.
///
/// # Errors
///
/// All other errors.
pub fn unless_away<T>(done: Result<T>) -> Result<Option<T>> {
    match done {
        Err(error) if error.is::<NoAnswer>() => Ok(None),
        done => done.map(Some),
    }
}

/// Reads an id in an answer.
///
/// # Errors
///
/// If it is no id.
pub fn id(value: &Value) -> Result<Uuid> {
    value.as_str().and_then(|id| id.parse().ok()).with_context(|| format!("{value} is no id"))
}
