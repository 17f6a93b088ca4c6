//! Keys of a JWK set (RFC 7517). A key is good for one algorithm: its own, never the token's choice.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;

/// In bytes. ring refuses a shorter RSA key.
const RSA_BYTES: usize = 256;
const ED25519_BYTES: usize = 32;
/// An uncompressed point.
const P256_BYTES: usize = 65;

#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
    jwk: Jwk,
}

impl PublicKey {
    pub(crate) fn id(&self) -> Option<&str> {
        self.jwk.common.key_id.as_deref().filter(|id| !id.is_empty())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.jwk == other.jwk
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

/// Returns the usable keys of a set. Keys of other kinds or for other uses are skipped, and so are keys without an id
/// among several.
///
/// # Errors
///
/// If this is no key set, or has no usable key.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<PublicKey>, String> {
    let set: JwkSet = serde_json::from_slice(text)
        .map_err(|error| format!("expected a JWK set like {{\"keys\": [...]}}: {error}"))?;
    let mut keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        let what = "the set has no key for EdDSA (Ed25519), ES256, or RS256 with 2048 bits or more";
        return Err(what.to_owned());
    }
    if keys.len() > 1 {
        keys.retain(|key| key.id().is_some());
    }
    if keys.is_empty() {
        return Err("the set has several keys, and none has a `kid`".to_owned());
    }
    Ok(keys)
}

/// Returns the key of a token: the one that the token names, or the only one if it or the token has no id.
pub(crate) fn of_token<'a>(keys: &'a [PublicKey], kid: Option<&str>) -> Option<&'a PublicKey> {
    let named = kid.and_then(|kid| keys.iter().find(|key| key.id() == Some(kid)));
    named.or(match keys {
        [only] if kid.is_none() || only.id().is_none() => Some(only),
        _ => None,
    })
}

fn usable(value: serde_json::Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return None;
    }
    let algorithm = match (&jwk.algorithm, jwk.common.key_algorithm) {
        // `UNKNOWN_ALGORITHM` also has the newer name, Ed25519. The curve has no other algorithm.
        (
            AlgorithmParameters::OctetKeyPair(key),
            None | Some(KeyAlgorithm::EdDSA | KeyAlgorithm::UNKNOWN_ALGORITHM),
        ) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        (AlgorithmParameters::EllipticCurve(key), None | Some(KeyAlgorithm::ES256))
            if key.curve == EllipticCurve::P256 =>
        {
            Algorithm::ES256
        }
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::RS256,
        _ => return None,
    };
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let has_its_length = match decoding.kind() {
        DecodingKeyKind::SecretOrDer(point) if algorithm == Algorithm::ES256 => {
            point.len() == P256_BYTES
        }
        DecodingKeyKind::SecretOrDer(x) => x.len() == ED25519_BYTES,
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.len() >= RSA_BYTES,
    };
    has_its_length.then_some(PublicKey { algorithm, decoding, jwk })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_for_other_algorithms_and_uses_are_skipped_and_strange_ones_keep_nobody_out() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let n = |bytes: usize| "_".repeat(bytes.div_ceil(3) * 4);
        let ed = |id: &str, alg: &str| json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "alg": alg, "x": x });
        let rsa = |id: &str, alg: &str, bytes| json!({ "kty": "RSA", "kid": id, "alg": alg, "n": n(bytes), "e": "AQAB" });
        let mut encrypts = ed("encrypts", "EdDSA");
        encrypts["use"] = json!("enc");
        let keys = json!({ "keys": [
            ed("ed", "EdDSA"), ed("newer", "Ed25519"), rsa("rsa", "RS256", 256),
            ed("hmac", "HS256"), rsa("pss", "PS256", 256), rsa("sha1", "RSA1_5", 256),
            rsa("short", "RS256", 128), encrypts, 7,
            { "kty": "OKP", "crv": "X25519", "kid": "x", "x": x },
            { "kty": "OKP", "crv": "Ed25519", "kid": "half", "x": &x[..22] },
            { "kty": "OKP", "crv": "Ed25519", "x": x },
            { "kty": "oct", "kid": "secret", "k": x },
            { "kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": x },
            { "kty": "EC", "crv": "P-256", "kid": "half an ec", "x": x, "y": &x[..22] },
            { "kty": "EC", "crv": "P-384", "kid": "p384", "x": x, "y": x },
            { "kty": "EC", "crv": "P-256", "kid": "agrees", "alg": "ECDH-ES", "x": x, "y": x },
        ] });
        let found = parse(keys.to_string().as_bytes()).unwrap();
        let found: Vec<_> = found.iter().map(|key| (key.id().unwrap(), key.algorithm)).collect();
        let expected = [
            ("ed", Algorithm::EdDSA),
            ("newer", Algorithm::EdDSA),
            ("rsa", Algorithm::RS256),
            ("ec", Algorithm::ES256),
        ];
        assert_eq!(found, expected);
        assert!(parse(b"{\"keys\":[]}").is_err());
        let nameless = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        let several = json!({ "keys": [nameless, nameless] });
        assert!(parse(several.to_string().as_bytes()).unwrap_err().contains("none has a `kid`"));
    }
}
