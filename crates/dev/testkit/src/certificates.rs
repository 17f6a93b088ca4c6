//! Certificates for one test, of an authority that only this test trusts.

use ballet_stage::TlsIdentity;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// A certificate authority that only this test trusts.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Makes a new authority. Clients distinguish authorities by `name`.
    ///
    /// # Panics
    ///
    /// If no key can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Returns its own certificate, for those who trust it.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a certificate for host names or addresses. It bears the first one's name.
    #[must_use]
    pub fn identity(&self, names: &[&str]) -> TlsIdentity {
        self.sign(names, |_| {})
    }

    /// Signs a certificate that expired years ago.
    #[must_use]
    pub fn expired_identity(&self, names: &[&str]) -> TlsIdentity {
        self.sign(names, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    fn sign(&self, names: &[&str], set: impl FnOnce(&mut CertificateParams)) -> TlsIdentity {
        let name = names.first().copied().unwrap_or("a test");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = common_name(name);
        set(&mut params);
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        TlsIdentity { certificate: signed.pem(), key: key.serialize_pem() }
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}
