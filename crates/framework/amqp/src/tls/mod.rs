//! TLS to the broker and to the database: the files, and the explanation of a failed handshake.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod rustls;

use std::path::PathBuf;

#[cfg(not(feature = "tls"))]
use crate::tls::absent as kept;
#[cfg(feature = "tls")]
use crate::tls::rustls as kept;

pub(crate) use kept::{Connector, Encrypted};

/// Certificates and a key, as PEM files, read for each connection, so that renewed files take
/// effect.
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

    /// Checks that the files can be read and contain certificates and a key. Whether these fit each
    /// other is not checked, since they do not for a moment of their renewal.
    ///
    /// # Errors
    ///
    /// A message about the file that cannot be read, has the wrong contents, or is missing beside another.
    pub fn check(&self) -> Result<(), String> {
        self.usable()
    }
}

/// Explains an error about the server's certificate or ours; `None` for other errors. `ca_file` is
/// the setting that names the CA.
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
