//! Signs requests, so that a service can tell them from forged ones.

use std::path::Path;

use ballet_http::signature::{BODY_HASH, REQUEST_HEADER, Secrets, body_hash, message, sign};
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method};

use crate::config::file::Signing;
use crate::http::headers::set;
use crate::http::wall_clock::unix_seconds;

/// In characters.
const LEAST: usize = 32;

/// The gateway's signature for one upstream. Without secrets it signs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Signer(Option<Secrets>);

impl Signer {
    /// # Errors
    ///
    /// If the upstream's secret is missing, or is too short.
    pub(crate) fn new(
        signing: Option<&Signing>,
        place: &Path,
        upstream: &str,
    ) -> Result<Self, String> {
        let Some(signing) = signing else { return Ok(Self(None)) };
        let failed = |why: &dyn std::fmt::Display| format!("signing.secret of {upstream}: {why}");
        let secret = signing.secret.of(upstream);
        let text = secret.reveal().map_err(|why| failed(&why))?;
        let named = "GATEWAY_SECRET";
        let secrets = match text.strip_prefix("file:") {
            Some(file) => {
                let folder = place.parent().unwrap_or(Path::new(""));
                Secrets::of(named, None, Some(&folder.join(file)), LEAST)
            }
            None => Secrets::of(named, Some(&text), None, LEAST),
        };
        secrets.map(Self).map_err(|wrong| failed(&wrong))
    }

    pub(crate) const fn signs(&self) -> bool {
        self.0.is_some()
    }

    /// Adds the body's hash and the signature, by the first of several secrets.
    ///
    /// # Errors
    ///
    /// If the secret cannot be read.
    pub(crate) async fn sign(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let Some(secrets) = &self.0 else { return Ok(()) };
        let secrets = secrets.current().await?;
        if !body.is_empty() {
            set(headers, HeaderName::from_static(BODY_HASH), &body_hash(body));
        }
        let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let signed = message(method.as_str(), path, named);
        let secret = secrets.first().map_or("", String::as_str);
        let name = HeaderName::from_static(REQUEST_HEADER);
        set(headers, name, &sign(secret, unix_seconds(), &signed));
        Ok(())
    }
}
