//! The source of a key set: a file or an address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ballet_http::outside::{cause, connector};
use http_body_util::{BodyExt, Limited};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::auth::jwk;
use crate::config::file::{Config, Jwt};
use crate::http::body::{Body, full};

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST: usize = 256 * 1024;

#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    File(PathBuf),
    Address {
        at: Uri,
        /// Read for each connection, so that a renewed file takes effect.
        ca_file: Option<PathBuf>,
    },
}

pub(crate) fn is_address(keys: &str) -> bool {
    keys.starts_with("http://") || keys.starts_with("https://")
}

impl KeySource {
    /// A relative file is beside the config file.
    ///
    /// # Errors
    ///
    /// If the address is none, or the CAs for it cannot be used.
    pub(crate) fn of(jwt: &Jwt, config: &Path) -> Result<Self, String> {
        let (keys, folder) = (&jwt.keys, config.parent().unwrap_or(Path::new("")));
        if !is_address(keys) {
            return Ok(Self::File(folder.join(keys)));
        }
        let at: Uri =
            keys.parse().map_err(|error| format!("jwt.keys: {keys:?} is no address: {error}"))?;
        let ca_file = jwt.ca_file.as_ref().map(|file| folder.join(file));
        connector(&at, ca_file.as_deref(), PATIENCE).map_err(|why| format!("jwt.keys: {why}"))?;
        Ok(Self::Address { at, ca_file })
    }

    pub(crate) async fn load(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => {
                tokio::fs::read(path).await.map_err(|error| unreadable(path, &error))
            }
            Self::Address { at, ca_file } => {
                match timeout(PATIENCE, fetch(at, ca_file.as_deref())).await {
                    Ok(done) => done.map_err(|why| format!("{at} cannot be read: {why}")),
                    Err(_) => Err(format!("{at} did not answer within {PATIENCE:?}")),
                }
            }
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
    let KeySource::File(path) = KeySource::of(jwt, config_file)? else { return Ok(()) };
    let text = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    jwk::parse(&text).map_err(|why| format!("jwt.keys: {}: {why}", path.display()))?;
    Ok(())
}

async fn fetch(address: &Uri, ca_file: Option<&Path>) -> Result<Vec<u8>, String> {
    let connector = connector(address, ca_file, PATIENCE).map_err(|why| why.to_string())?;
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(address).body(full("")).map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| cause(&error))?;
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    body.map(|body| body.to_bytes().to_vec()).map_err(|error| error.to_string())
}
