//! Certificates for one test.

use ballet_stage::TlsIdentity;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// A certificate authority that only this test trusts.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Makes a new authority. Clients distinguish authorities by `name`.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Returns its own certificate, for those who trust it.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a certificate for host names or addresses.
    pub(crate) fn identity(&self, names: &[&str]) -> TlsIdentity {
        self.sign(names, |_| {})
    }

    /// Signs a certificate that expired years ago.
    pub(crate) fn expired_identity(&self, names: &[&str]) -> TlsIdentity {
        self.sign(names, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    fn sign(&self, names: &[&str], set: impl FnOnce(&mut CertificateParams)) -> TlsIdentity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = common_name("a test's server or client");
        set(&mut params);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        TlsIdentity { certificate: signed.pem(), key: key.serialize_pem() }
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}
