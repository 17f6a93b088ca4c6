//! TLS by rustls.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, Error, RootCertStore};

use crate::session::error::BrokerError;
use crate::tls::TlsFiles;

const CERTIFICATE: &str = "CERTIFICATE-----";
const KEY: &str = "PRIVATE KEY-----";

pub(crate) type Encrypted<S> = TlsStream<S>;

pub(crate) struct Connector(TlsConnector);

impl Connector {
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        plain: S,
    ) -> io::Result<Encrypted<S>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, plain).await
    }
}

impl TlsFiles {
    pub(super) fn usable(&self) -> Result<(), String> {
        if let Some(ca) = &self.ca {
            trust(&mut RootCertStore::empty(), ca)?;
        }
        if let Some((certificate, key)) = self.own()? {
            certificates(certificate)?;
            private_key(key)?;
        }
        Ok(())
    }

    fn own(&self) -> Result<Option<(&Path, &Path)>, String> {
        match (self.certificate.as_deref(), self.key.as_deref()) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(alone), None) | (None, Some(alone)) => {
                Err(format!("a certificate needs its key: only {} is named", alone.display()))
            }
        }
    }

    /// Encrypts a connection to the broker at this place, by the files as they are now. It trusts the public CAs too.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Tls`] about the file that cannot be read or has the wrong contents. A
    /// certificate and a key that do not fit each other are a loss, since they may be about to be
    /// renewed.
    pub(crate) fn connector(&self, at: &str) -> Result<Connector, BrokerError> {
        self.client_config(at).map(|config| Connector(TlsConnector::from(Arc::new(config))))
    }

    fn client_config(&self, at: &str) -> Result<ClientConfig, BrokerError> {
        let unusable = |reason| BrokerError::Tls { at: at.to_owned(), reason };
        let mut trusted = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = &self.ca {
            trust(&mut trusted, file).map_err(unusable)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(trusted);
        let Some((certificate, key)) = self.own().map_err(unusable)? else {
            return Ok(config.with_no_client_auth());
        };
        let chain = certificates(certificate).map_err(unusable)?;
        let der = private_key(key).map_err(unusable)?;
        config.with_client_auth_cert(chain, der).map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            let reason =
                format!("the certificate in {certificate} with the private key in {key}: {error}");
            match error {
                Error::InconsistentKeys(_) => {
                    BrokerError::Unreachable { at: at.to_owned(), reason }
                }
                _ => unusable(reason),
            }
        })
    }
}

fn trust(trusted: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let (added, ignored) = trusted.add_parsable_certificates(certificates(file)?);
    if added == 0 {
        return Err(format!("no certificate in {} can be parsed", file.display()));
    }
    if ignored > 0 {
        tracing::warn!("{ignored} certificates in {} cannot be read", file.display());
    }
    Ok(())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(file, CERTIFICATE)?;
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the certificates in {}: {error}", file.display()))
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let wrong =
        |error: &dyn fmt::Display| format!("the private key in {}: {error}", file.display());
    let pem = read(file, KEY)?;
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(&error))?;
    ring::sign::any_supported_type(&der).map_err(|error| wrong(&error))?;
    Ok(der)
}

fn read(file: &Path, label: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("the file {} cannot be read: {error}", file.display()))?;
    if !text.contains(label) {
        let what = label.trim_end_matches('-').to_lowercase();
        return Err(format!("the file {} contains no {what} in PEM format", file.display()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_told_before_anybody_connects() {
        let dir = std::env::temp_dir().join(format!("ballet-tls-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let file = |label: &str| {
            let path = dir.join(format!("{label}.pem"));
            let text = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
            std::fs::write(&path, text).expect("a file");
            Some(path)
        };
        let (certificate, key) = (file("CERTIFICATE"), file("PRIVATE KEY"));
        let nothing = TlsFiles::default();
        let wrong = [
            (
                TlsFiles { certificate: certificate.clone(), ..nothing.clone() },
                "a certificate needs its key: only ",
            ),
            (
                TlsFiles { key: key.clone(), ..nothing.clone() },
                "a certificate needs its key: only ",
            ),
            (TlsFiles { ca: certificate.clone(), ..nothing.clone() }, "no certificate in "),
            (TlsFiles { ca: key.clone(), ..nothing }, "contains no certificate in PEM format"),
            (TlsFiles { ca: None, certificate, key }, "the private key in "),
        ];
        for (files, text) in wrong {
            let told = files.check().expect_err("wrong");
            assert!(told.contains(text) && told.contains(".pem"), "{told}");
            let error = files.client_config("rabbit").expect_err("wrong");
            assert_eq!(error, BrokerError::Tls { at: "rabbit".to_owned(), reason: told });
        }
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
