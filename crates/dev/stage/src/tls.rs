//! Certificates for one test, and the TLS settings of servers.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use crate::error::{Error, Result};
use crate::random;

/// A certificate authority that only this test trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        // Clients distinguish authorities by name.
        params.distinguished_name = common_name(&format!("authority {}", random::hex::<6>()?));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| failed(&error))?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Returns its own certificate, for those who trust it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a certificate for host names or addresses.
    pub fn identity(&self, names: &[&str]) -> Result<TlsIdentity> {
        self.sign(names, |_| {})
    }

    /// Signs a certificate that expired years ago.
    pub fn expired_identity(&self, names: &[&str]) -> Result<TlsIdentity> {
        self.sign(names, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    fn sign(
        &self,
        names: &[&str],
        set: impl FnOnce(&mut CertificateParams),
    ) -> Result<TlsIdentity> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(|error| failed(&error))?;
        params.distinguished_name = common_name("a test's server or client");
        set(&mut params);
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let signed = params.signed_by(&key, &self.issuer).map_err(|error| failed(&error))?;
        Ok(TlsIdentity { certificate: signed.pem(), key: key.serialize_pem() })
    }
}

impl TlsIdentity {
    /// Returns the certificate.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Returns its key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn failed(error: &rcgen::Error) -> Error {
    let source = std::io::Error::other(error.to_string());
    Error::Machine { what: "make a certificate".to_owned(), source }
}

/// The TLS settings of a server.
#[derive(Clone)]
pub(crate) struct ServerTls {
    pub(crate) identity: TlsIdentity,
    /// The authority for clients' certificates. If it is set, the broker asks for one.
    pub(crate) clients: Option<String>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
