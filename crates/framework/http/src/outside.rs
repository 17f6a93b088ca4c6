//! Connections to servers outside: TLS with the public CAs, through the proxy of the environment.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::proxy::ProxiedConnector;
use crate::signature::WrongSetting;

/// Connects to one server, with TLS if its address says so.
pub type OutsideConnector = HttpsConnector<ProxiedConnector>;

/// Returns the connector to a server. It trusts the CAs in `ca_file` in addition to the public ones.
///
/// # Errors
///
/// If the file with CA certificates or the proxy cannot be used.
pub fn connector(
    server: &Uri,
    ca_file: Option<&Path>,
    connect_timeout: Duration,
) -> Result<OutsideConnector, WrongSetting> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(connect_timeout));
    let proxied = ProxiedConnector::of_env(server, http).map_err(WrongSetting)?;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls(ca_file)?);
    Ok(https.https_or_http().enable_http1().wrap_connector(proxied))
}

/// Returns the text of the innermost error, which says what happened.
#[must_use]
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, WrongSetting> {
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
