//! Requests operations under idempotency keys.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use ballet::calls::CallKey;
use ballet_http::signature::{Secrets, WrongSetting};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::outside::answer::{names, operation};
use crate::outside::no_answer::NoAnswer;
use crate::outside::url::BaseUrl;

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
    /// The limit for one request with its answer. A call makes up to two.
    pub timeout: Duration,
}

impl ApiConnection {
    /// Returns the connection of these settings, or `None` without a URL. The names of the settings begin with `name`.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is missing or cannot be used.
    pub fn of(
        name: &str,
        url: Option<&str>,
        key: Option<Secrets>,
        ca_file: Option<PathBuf>,
        millis: u64,
    ) -> Result<Option<Self>, WrongSetting> {
        let Some(url) = url else {
            return match key {
                None => Ok(None),
                Some(_) => Err(WrongSetting(format!(
                    "{name}_KEY is set without {name}_URL: the sandbox would be used"
                ))),
            };
        };
        let url: BaseUrl = url.parse().map_err(|why| WrongSetting(format!("{name}_URL: {why}")))?;
        let key = key.ok_or_else(|| {
            let why = format!("set {name}_KEY or {name}_KEY_FILE");
            WrongSetting(format!("{name}_URL is set without a key: {why}"))
        })?;
        Ok(Some(Self { url, key, ca_file, timeout: Duration::from_millis(millis) }))
    }
}

/// A client of another company's API.
///
/// `POST {path}` requests an operation under the header `Idempotency-Key`, and `GET /operations/{key}` asks for its
/// outcome. Both answer with the operation and its `idempotency_key`.
#[derive(Debug, Clone)]
pub struct ApiClient {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    connection: ApiConnection,
}

impl ApiClient {
    /// Creates a client, which connects with the first request.
    ///
    /// # Errors
    ///
    /// Returns an error if the file with CA certificates cannot be used.
    pub fn new(connection: ApiConnection) -> Result<Self, WrongSetting> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(connection.ca_file.as_ref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { http, connection })
    }

    /// Requests an operation and returns it. If the answer is lost, the client asks the API once for the outcome.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no answer that counts.
    pub async fn operate<T: DeserializeOwned>(
        &self,
        path: &str,
        key: CallKey,
        request: &(impl Serialize + Sync),
    ) -> Result<T, NoAnswer> {
        let body = serde_json::to_vec(request)
            .map_err(|error| NoAnswer::NotUnderstood(format!("our own request: {error}")))?;
        let requested = self.ask(Method::POST, path, key, Bytes::from(body)).await;
        match requested {
            Err(lost) if lost.may_have_acted() => {
                let known = format!("/operations/{key}");
                match self.ask(Method::GET, &known, key, Bytes::new()).await {
                    Ok(operation) => Ok(operation),
                    Err(not_yet @ NoAnswer::NotYet { .. }) => Err(not_yet),
                    // The first failure says more.
                    Err(_) => Err(lost),
                }
            }
            requested => requested,
        }
    }

    /// Returns the operation under a key, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no answer that counts.
    pub async fn look_up<T: DeserializeOwned>(&self, key: CallKey) -> Result<Option<T>, NoAnswer> {
        match self.ask(Method::GET, &format!("/operations/{key}"), key, Bytes::new()).await {
            Err(NoAnswer::NoOperation) => Ok(None),
            known => known.map(Some),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: CallKey,
        body: Bytes,
    ) -> Result<T, NoAnswer> {
        let limit = self.connection.timeout;
        let exchange = self.exchange(method, path, key, body);
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(NoAnswer::TooSlow(limit)))
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: CallKey,
        body: Bytes,
    ) -> Result<T, NoAnswer> {
        let secrets = self.connection.key.read().await.map_err(NoAnswer::NoKey)?;
        let secret = secrets.first().map(String::as_str).unwrap_or_default();
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| NoAnswer::NoKey("it is not printable".to_owned()))?;
        bearer.set_sensitive(true);
        let uri = self.connection.url.join(path);
        let uri = uri.map_err(|error| NoAnswer::Unreachable(format!("{path}: {error}")))?;
        let is_question = method == Method::GET;
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
        let body = body.to_bytes();
        if is_question && head.status == StatusCode::NOT_FOUND {
            return Err(if names(key, &body) {
                NoAnswer::NoOperation
            } else {
                NoAnswer::NotUnderstood("404 without the key, which may be a proxy's".to_owned())
            });
        }
        operation(key, head.status, &head.headers, &body, secret)
    }
}

/// The innermost error says what happened.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn tls(ca_file: Option<&PathBuf>) -> Result<ClientConfig, WrongSetting> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        let wrong = |why: String| WrongSetting(format!("the file {}: {why}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong("it contains no certificate in PEM format".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| WrongSetting(format!("TLS: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
