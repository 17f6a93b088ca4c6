//! Signs the gateway's headers of a request, so that a service can tell them from forged ones.

use std::path::Path;

use ballet_signature::{REQUEST_HEADER, Secrets, message, sign};
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method};

use crate::config::file::Config;
use crate::http::headers::set;
use crate::http::wall_clock::unix_seconds;

/// The shortest secret, in characters.
const LEAST: usize = 32;

/// The gateway's signature. Without secrets it signs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Signer(Option<Secrets>);

impl Signer {
    /// # Errors
    ///
    /// If the secret is missing, or is too short.
    pub(crate) fn new(config: &Config, place: &Path) -> Result<Self, String> {
        let Some(signing) = &config.signing else { return Ok(Self(None)) };
        let named = "GATEWAY_SECRET";
        let text = signing.secret.reveal().map_err(|why| format!("signing.secret: {why}"))?;
        let secrets = match text.strip_prefix("file:") {
            Some(file) => {
                let folder = place.parent().unwrap_or(Path::new(""));
                Secrets::of(named, None, Some(&folder.join(file)), LEAST)
            }
            None => Secrets::of(named, Some(&text), None, LEAST),
        };
        secrets.map(Self).map_err(|wrong| format!("signing.secret: {wrong}"))
    }

    /// Whether it signs anything.
    pub(crate) const fn signs(&self) -> bool {
        self.0.is_some()
    }

    /// Adds the signature. Of several secrets the first signs.
    ///
    /// # Errors
    ///
    /// If the secret cannot be read.
    pub(crate) async fn sign(
        &self,
        method: &Method,
        path: &str,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let Some(secrets) = &self.0 else { return Ok(()) };
        let secrets = secrets.current().await?;
        let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let signed = message(method.as_str(), path, named);
        let secret = secrets.first().map_or("", String::as_str);
        let name = HeaderName::from_static(REQUEST_HEADER);
        set(headers, name, &sign(secret, unix_seconds(), &signed));
        Ok(())
    }
}
