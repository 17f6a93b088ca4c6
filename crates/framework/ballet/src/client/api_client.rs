//! Requests under idempotency keys.

use std::path::PathBuf;
use std::time::Duration;

use ballet_http::outside::{OutsideConnector, cause, connector};
use ballet_http::signature::{Secrets, WrongSetting};
use ballet_store::calls::key::CallKey;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request, header};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;

use crate::client::answer::ApiAnswer;
use crate::client::base_url::BaseUrl;
use crate::client::no_answer::NoAnswer;

const CONNECT: Duration = Duration::from_secs(3);
/// Shorter than most servers keep idle connections.
const IDLE: Duration = Duration::from_secs(10);
/// In bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The settings of a connection to an API.
#[derive(Debug, Clone)]
pub struct ApiConnection {
    /// The address of the API.
    pub url: BaseUrl,
    /// Our key at the API.
    pub key: Secrets,
    /// CA certificates to trust in addition to the public ones.
    pub ca_file: Option<PathBuf>,
    /// The limit for one request with its answer: less than [`CALL_TIME`](crate::calls::CallStep::CALL_TIME).
    pub timeout: Duration,
}

/// A client of another company's API: `POST` and `GET` of JSON, each under the header `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct ApiClient {
    http: Http<OutsideConnector, Full<Bytes>>,
    connection: ApiConnection,
}

impl ApiClient {
    /// Creates a client, which connects with the first request, through the proxy in `HTTPS_PROXY` if there is one.
    ///
    /// # Errors
    ///
    /// Returns an error if the file with CA certificates or the proxy cannot be used.
    pub fn new(connection: ApiConnection) -> Result<Self, WrongSetting> {
        let server = connection.url.join("/").map_err(WrongSetting)?;
        let connector = connector(&server, connection.ca_file.as_deref(), CONNECT)?;
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { http, connection })
    }

    /// Sends a request as JSON to a path below the API's address, which begins with `/`. The same
    /// request under the same key may be sent again.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no answer that counts.
    pub async fn post(
        &self,
        path: &str,
        key: CallKey,
        request: &(impl Serialize + Sync),
    ) -> Result<ApiAnswer, NoAnswer> {
        let body = serde_json::to_vec(request)
            .map_err(|error| NoAnswer::NotUnderstood(format!("our own request: {error}")))?;
        self.ask(Method::POST, path, key, Bytes::from(body)).await
    }

    /// Asks a question, such as what became of the request under this key. A 404 is an answer.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no answer that counts.
    pub async fn get(&self, path: &str, key: CallKey) -> Result<ApiAnswer, NoAnswer> {
        self.ask(Method::GET, path, key, Bytes::new()).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: CallKey,
        body: Bytes,
    ) -> Result<ApiAnswer, NoAnswer> {
        let limit = self.connection.timeout;
        let exchange = self.exchange(method, path, key, body);
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(NoAnswer::TooSlow(limit)))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        key: CallKey,
        body: Bytes,
    ) -> Result<ApiAnswer, NoAnswer> {
        let secrets = self.connection.key.read().await.map_err(NoAnswer::NoKey)?;
        let secret = secrets.first().map(String::as_str).unwrap_or_default();
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| NoAnswer::NoKey("it is not printable".to_owned()))?;
        bearer.set_sensitive(true);
        let uri = self.connection.url.join(path);
        let uri = uri.map_err(|error| NoAnswer::Unreachable(format!("{path}: {error}")))?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, bearer)
            .header("idempotency-key", key.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| NoAnswer::Unreachable(error.to_string()))?;
        let answer = self.http.request(request).await.map_err(|error| {
            let why = cause(&error);
            if error.is_connect() { NoAnswer::Unreachable(why) } else { NoAnswer::Cut(why) }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                NoAnswer::NotUnderstood(format!("it is longer than {LONGEST_ANSWER} bytes"))
            } else {
                NoAnswer::Cut(error.to_string())
            }
        })?;
        ApiAnswer::judged(head.status, &head.headers, body.to_bytes(), secret)
    }
}
