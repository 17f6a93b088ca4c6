//! TLS to the broker and to the database: the files, and the explanation of a failed handshake.

use std::path::PathBuf;

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

/// The contents of the files.
pub(crate) struct TlsPem {
    pub(crate) ca: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
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
        self.read().map(drop)
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A message about the file that cannot be read or has the wrong contents.
    pub(crate) fn read(&self) -> Result<TlsPem, String> {
        Ok(TlsPem {
            ca: read(self.ca.as_ref(), "CERTIFICATE-----")?,
            certificate: read(self.certificate.as_ref(), "CERTIFICATE-----")?,
            key: read(self.key.as_ref(), "PRIVATE KEY-----")?,
        })
    }
}

fn read(file: Option<&PathBuf>, label: &str) -> Result<Option<String>, String> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("the file {} cannot be read: {error}", file.display()))?;
    if !text.contains(label) {
        let what = label.trim_end_matches('-').to_lowercase();
        return Err(format!("the file {} contains no {what} in PEM format", file.display()));
    }
    Ok(Some(text))
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
