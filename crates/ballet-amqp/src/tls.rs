//! TLS to the broker and to the database: the files, and what a failed handshake means.

use std::path::PathBuf;

/// Certificates and a key, as PEM files; they are read each time a connection is made, so that
/// renewed ones are taken without a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates that are trusted beside those that everybody trusts.
    pub ca: Option<PathBuf>,
    /// Our own certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// What is in the files.
pub(crate) struct TlsPem {
    pub(crate) ca: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
}

impl TlsFiles {
    /// Whether any file is named.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.ca.is_some() || self.certificate.is_some() || self.key.is_some()
    }

    /// Makes sure that the files can be read and hold what they should.
    ///
    /// # Errors
    ///
    /// A sentence about the file that cannot be read, or does not hold what it should.
    pub fn check(&self) -> Result<(), String> {
        self.read().map(drop)
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A sentence about the file that cannot be read, or does not hold what it should.
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
        return Err(format!("the file {} holds no {what} in PEM form", file.display()));
    }
    Ok(Some(text))
}

/// What is wrong with the certificate that the other end shows, or with ours, if that is what an
/// error says. `ca_file` is the setting that names the CA.
#[must_use]
pub fn problem(error: &str, ca_file: &str) -> Option<String> {
    let has = |text: &str| error.contains(text);
    let ours = |file: &str| format!("{}{file}", ca_file.trim_end_matches("CA_FILE"));
    let what = if has("UnknownIssuer") || has("BadSignature") {
        format!("nobody whom we trust signed its certificate: set {ca_file} to the CA that did")
    } else if has("fatal alert: UnknownCA") {
        format!("it does not know the CA that signed the certificate in {}", ours("CERT_FILE"))
    } else if has("fatal alert: CertificateExpired") {
        format!("the certificate in {} has expired", ours("CERT_FILE"))
    } else if has("certificate expired") || has(": Expired") {
        "its certificate has expired: it has to be renewed there".to_owned()
    } else if has("not valid yet") || has("NotValidYet") {
        "its certificate is not valid yet: is a clock wrong?".to_owned()
    } else if has("not valid for name") || has("NotValidForName") {
        "its certificate is for another host name: use that name in the URL".to_owned()
    } else if has("invalid peer certificate") {
        "its certificate is not acceptable".to_owned()
    } else if has("CertificateRequired")
        || has("HandshakeFailure")
        || has("BadCertificate")
        // Postgres, after the handshake.
        || has("requires a valid client certificate")
    {
        let (certificate, key) = (ours("CERT_FILE"), ours("KEY_FILE"));
        format!("it wants a certificate of ours: set {certificate} and {key}")
    } else if has("InvalidContentType") || has("corrupt message") {
        "it does not speak TLS there: is the port right?".to_owned()
    } else {
        return None;
    };
    Some(format!("{what} ({error})"))
}
