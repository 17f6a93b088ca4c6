//! The source of a key set: a file or an address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::auth::jwk;
use crate::config::file::Config;
use crate::http::body::{Body, full};

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST: usize = 256 * 1024;

#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    File(PathBuf),
    Address(Uri),
}

impl KeySource {
    /// A relative file is beside the config file.
    pub(crate) fn of(keys: &str, config: &Path) -> Result<Self, String> {
        if keys.starts_with("http://") {
            let address =
                keys.parse().map_err(|error| format!("{keys:?} is no address: {error}"))?;
            return Ok(Self::Address(address));
        }
        let folder = config.parent().unwrap_or(Path::new(""));
        Ok(Self::File(folder.join(keys)))
    }

    pub(crate) async fn load(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => {
                tokio::fs::read(path).await.map_err(|error| unreadable(path, &error))
            }
            Self::Address(address) => match timeout(PATIENCE, fetch(address)).await {
                Ok(done) => done.map_err(|why| format!("{address} cannot be read: {why}")),
                Err(_) => Err(format!("{address} did not answer within {PATIENCE:?}")),
            },
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let folder = path.parent().unwrap_or(Path::new("")).display();
    format!(
        "jwt.keys: {} cannot be read: {error}; `ballet-gateway keys {folder}` makes a key set for \
         development",
        path.display()
    )
}

/// An address may be unavailable for now.
///
/// # Errors
///
/// The reason why the file cannot be used.
pub(crate) fn check(config: &Config, config_file: &Path) -> Result<(), String> {
    let Some(jwt) = &config.jwt else { return Ok(()) };
    let KeySource::File(path) = KeySource::of(&jwt.keys, config_file)? else { return Ok(()) };
    let text = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    jwk::parse(&text).map_err(|why| format!("jwt.keys: {}: {why}", path.display()))?;
    Ok(())
}

async fn fetch(address: &Uri) -> Result<Vec<u8>, String> {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(address).body(full("")).map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| error.to_string())?;
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    body.map(|body| body.to_bytes().to_vec()).map_err(|error| error.to_string())
}
