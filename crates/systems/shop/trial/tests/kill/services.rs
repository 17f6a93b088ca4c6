//! The current URLs of the services' HTTP APIs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;

/// The limit for waits that hang; no test depends on the pace. Any service may be dead at any time, and on a busy
/// machine each takes a while to start.
pub(crate) const SOON: Duration = Duration::from_secs(180);

#[derive(Debug)]
pub(crate) struct Services {
    client: Client,
    urls: Mutex<BTreeMap<&'static str, String>>,
}

impl Services {
    pub(crate) fn new() -> Self {
        // A request to a hung process times out.
        let client = Client::builder().timeout(Duration::from_secs(5)).build().expect("HTTP");
        Self { client, urls: Mutex::default() }
    }

    /// Sets the URL of a service.
    pub(crate) fn serves(&self, service: &'static str, url: String) {
        self.urls.lock().expect("the addresses").insert(service, url);
    }

    fn url(&self, service: &str) -> String {
        self.urls.lock().expect("the addresses")[service].clone()
    }

    pub(crate) async fn get(&self, service: &str, path: &str) -> Result<Response, String> {
        self.client.get(format!("{}/{path}", self.url(service))).send().await.map_err(error_text)
    }

    pub(crate) async fn post(
        &self,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<Response, String> {
        let url = format!("{}/{path}", self.url(service));
        self.client.post(url).json(body).send().await.map_err(error_text)
    }
}

pub(crate) fn error_text(error: impl Display) -> String {
    error.to_string()
}
