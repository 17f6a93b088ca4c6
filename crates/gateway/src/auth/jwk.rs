//! Keys of a JWK set (RFC 7517). A key is good for one algorithm: its own, never the token's choice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// The signature algorithms that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    EdDSA,
    RS256,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    Ed25519 { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDSA,
            Self::Rsa { .. } => Algorithm::RS256,
        }
    }

    /// Whether the holder of the private key signed the message.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519 { x } => {
                UnparsedPublicKey::new(&ED25519, x).verify(message, signature).is_ok()
            }
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// Returns the usable keys of a set by their ids. Keys of other kinds or for other uses are skipped.
///
/// # Errors
///
/// If this is no key set, or has no usable key.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<(String, PublicKey)>, String> {
    let set: JwkSet = serde_json::from_slice(text)
        .map_err(|error| format!("expected a JWK set like {{\"keys\": [...]}}: {error}"))?;
    let keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err("the set has no key with a `kid` for EdDSA (Ed25519) or RS256".to_owned());
    }
    Ok(keys)
}

fn usable(value: serde_json::Value) -> Option<(String, PublicKey)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.r#use.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |text: Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text?).ok();
    let key = match (jwk.kty.as_str(), jwk.alg.as_deref(), jwk.crv.as_deref()) {
        ("OKP", None | Some("EdDSA" | "Ed25519"), Some("Ed25519")) => {
            PublicKey::Ed25519 { x: bytes(jwk.x).filter(|x| x.len() == 32)? }
        }
        // At least 2048 bits.
        ("RSA", None | Some("RS256"), None) => {
            PublicKey::Rsa { n: bytes(jwk.n).filter(|n| n.len() >= 256)?, e: bytes(jwk.e)? }
        }
        _ => return None,
    };
    Some((jwk.kid?, key))
}
