//! TLS to the broker and to the database: the files, and the explanation of a failed handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The label of a certificate in a PEM file.
const CERTIFICATE: &str = "CERTIFICATE-----";
/// The label of a key, whichever its kind.
const KEY: &str = "PRIVATE KEY-----";

/// Certificates and a key, as PEM files. They are read for each connection, so renewed files take
/// effect without a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// CA certificates to trust in addition to the public ones.
    pub ca: Option<PathBuf>,
    /// Our own certificate.
    pub certificate: Option<PathBuf>,
    /// The key of our certificate.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Returns true if any file is named.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.ca.is_some() || self.certificate.is_some() || self.key.is_some()
    }

    /// Checks that the files can be read and contain PEM of the right kind.
    ///
    /// # Errors
    ///
    /// A message about the file that cannot be read or has the wrong contents.
    pub fn check(&self) -> Result<(), String> {
        let files = [(&self.ca, CERTIFICATE), (&self.certificate, CERTIFICATE), (&self.key, KEY)];
        for (file, label) in files {
            if let Some(file) = file {
                read(file, label)?;
            }
        }
        Ok(())
    }

    /// The configuration of a connection to the broker, from what the files contain now. It trusts the public CAs
    /// too.
    ///
    /// # Errors
    ///
    /// A message about the file that cannot be read or has the wrong contents.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, String> {
        let mut trusted = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = &self.ca {
            let (_, ignored) = trusted.add_parsable_certificates(certificates(file)?);
            if ignored > 0 {
                tracing::warn!("{ignored} certificates in {} cannot be read", file.display());
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(trusted);
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(config.with_no_client_auth());
        };
        let pem = read(key, KEY)?;
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("the private key in {}: {error}", key.display()))?;
        config.with_client_auth_cert(certificates(certificate)?, der).map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            format!("the certificate in {certificate} with the private key in {key}: {error}")
        })
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(file, CERTIFICATE)?;
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the certificates in {}: {error}", file.display()))
}

/// Reads a file that has a section with this label.
fn read(file: &Path, label: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("the file {} cannot be read: {error}", file.display()))?;
    if !text.contains(label) {
        let what = label.trim_end_matches('-').to_lowercase();
        return Err(format!("the file {} contains no {what} in PEM format", file.display()));
    }
    Ok(text)
}

/// Explains an error that is about the server's certificate or ours. Returns `None` for other
/// errors. `ca_file` is the setting that names the CA.
#[must_use]
pub fn problem(error: &str, ca_file: &str) -> Option<String> {
    let has = |text: &str| error.contains(text);
    let ours = |file: &str| format!("{}{file}", ca_file.trim_end_matches("CA_FILE"));
    let what = if has("UnknownIssuer") || has("BadSignature") {
        format!("no trusted CA signed its certificate: set {ca_file} to the CA that did")
    } else if has("fatal alert: UnknownCA") {
        format!("the server does not know the CA of the certificate in {}", ours("CERT_FILE"))
    } else if has("fatal alert: CertificateExpired") {
        format!("the certificate in {} has expired", ours("CERT_FILE"))
    } else if has("certificate expired") || has(": Expired") {
        "its certificate has expired: renew it on the server".to_owned()
    } else if has("not valid yet") || has("NotValidYet") {
        "its certificate is not valid yet: check the clocks".to_owned()
    } else if has("not valid for name") || has("NotValidForName") {
        "its certificate is for another host name: use that host name in the URL".to_owned()
    } else if has("invalid peer certificate") {
        "its certificate is not acceptable to us".to_owned()
    } else if has("CertificateRequired")
        || has("HandshakeFailure")
        || has("BadCertificate")
        // From Postgres, after the handshake.
        || has("requires a valid client certificate")
    {
        let (certificate, key) = (ours("CERT_FILE"), ours("KEY_FILE"));
        format!("the server requires a client certificate: set {certificate} and {key}")
    } else if has("InvalidContentType") || has("corrupt message") {
        "the server does not speak TLS on this port: check the port".to_owned()
    } else {
        return None;
    };
    Some(format!("{what} ({error})"))
}
