//! Somebody who asks the services of a site, and asks again until there is an answer.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::OptionFuture;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use crate::customers::operation::{Seen, judge};
use crate::scene::site::Site;

/// How long somebody tries.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
const KEY: &str = "Idempotency-Key";

/// A client of a site. It goes through the gateway, in a run that has one.
#[derive(Debug, Clone, Copy)]
pub struct SiteClient<'a> {
    /// Where it is a client.
    pub site: &'a Site,
    /// The same number asks the same process of a service, unless processes come or go.
    pub number: usize,
    /// What it shows to the gateway.
    pub token: Option<&'a str>,
}

impl<'a> SiteClient<'a> {
    /// A client without a token.
    #[must_use]
    pub const fn new(site: &'a Site, number: usize) -> Self {
        Self { site, number, token: None }
    }

    /// The same with another token.
    #[must_use]
    pub const fn with<'b>(self, token: Option<&'b str>) -> SiteClient<'b>
    where
        'a: 'b,
    {
        SiteClient { site: self.site, number: self.number, token }
    }

    /// A request to a service. `Value::Null` is no body.
    ///
    /// # Errors
    ///
    /// No process of the service has an address yet.
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

    /// Asks once. Returns what was seen, and the body.
    ///
    /// # Errors
    ///
    /// The answer breaks off.
    pub async fn once(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<(Seen, Value)> {
        let request = self.request(method, service, path, body).await;
        match OptionFuture::from(request.ok().map(RequestBuilder::send)).await {
            Some(Ok(answer)) => judge(answer).await,
            Some(Err(_)) | None => Ok((Seen::Nothing, Value::Null)),
        }
    }

    /// The answer to a request. It is sent again, under the same key, while the service is away or has too
    /// much to do.
    ///
    /// # Errors
    ///
    /// The service is away for minutes.
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
            // The process may be gone by now, so each attempt asks for a URL.
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
                    // An answer that breaks off is one that did not come.
                    let text = answer.text().await.ok().filter(|_| is_over);
                    let is_unknown = |text: &String| {
                        status == StatusCode::CONFLICT && !method.is_safe() && text.contains(KEY)
                    };
                    match text {
                        Some(text) if !is_unknown(&text) => {
                            return Ok((status, serde_json::from_str(&text).unwrap_or_default()));
                        }
                        // The gateway was killed under this request, so nobody knows whether it took effect.
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

    /// Reads something, which may not exist.
    ///
    /// # Errors
    ///
    /// The service is away for minutes.
    pub async fn get(&self, service: &str, path: &str) -> Result<(StatusCode, Value)> {
        self.ask(Method::GET, service, path, &Value::Null).await
    }

    /// The answer to a request that has to succeed.
    ///
    /// # Errors
    ///
    /// It does not, or the service is away for minutes.
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

    /// Reads something until it is as it is wanted, and returns it.
    ///
    /// # Errors
    ///
    /// It is not for minutes, or cannot be read.
    pub async fn until(
        &self,
        service: &str,
        path: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let read = self.done(Method::GET, service, path, &Value::Null).await?;
            if is(&read) {
                return Ok(read);
            }
            ensure!(begun.elapsed() < PATIENCE, "{path} is not {what}: {read}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A service is away for minutes.
#[derive(Debug)]
struct NoAnswer(String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer of {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// Nothing, if a service was away for minutes: for somebody who goes on. Another failure stays one.
///
/// # Errors
///
/// The other failures.
pub fn unless_away<T>(done: Result<T>) -> Result<Option<T>> {
    match done {
        Err(error) if error.is::<NoAnswer>() => Ok(None),
        done => done.map(Some),
    }
}

/// An id in an answer.
///
/// # Errors
///
/// It is none.
pub fn id(value: &Value) -> Result<Uuid> {
    value.as_str().and_then(|id| id.parse().ok()).with_context(|| format!("{value} is no id"))
}
