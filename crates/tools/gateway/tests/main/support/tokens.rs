//! Tokens, good and bad.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

pub(crate) enum SigningKey {
    Ed25519(String, Ed25519KeyPair),
    P256(String, EcdsaKeyPair),
    Rsa(String, RsaKeyPair),
}

pub(crate) const ISSUER: &str = "https://login.example";
pub(crate) const AUDIENCE: &str = "shop";

/// Accepts tokens with the keys of `jwks.json`.
pub(crate) fn jwt() -> String {
    format!("[jwt]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nkeys = \"jwks.json\"\n")
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKey {
    pub(crate) fn ed25519(id: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(id.to_owned(), Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    pub(crate) fn p256(id: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self::P256(id.to_owned(), pair)
    }

    /// A key in the repository that is good for nothing else. ring makes no RSA keys.
    pub(crate) fn rsa(id: &str) -> Self {
        let text: String = include_str!("rsa-key-of-the-tests.txt").split_whitespace().collect();
        let der = base64::prelude::BASE64_STANDARD.decode(text).unwrap();
        Self::Rsa(id.to_owned(), RsaKeyPair::from_der(&der).unwrap())
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Ed25519(id, _) | Self::P256(id, _) | Self::Rsa(id, _) => id,
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(..) => "EdDSA",
            Self::P256(..) => "ES256",
            Self::Rsa(..) => "RS256",
        }
    }

    pub(crate) fn public(&self) -> Value {
        match self {
            Self::Ed25519(id, pair) => {
                let x = encode(pair.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x })
            }
            Self::P256(id, pair) => {
                // After the byte for its form.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": encode(x), "y": encode(y) })
            }
            Self::Rsa(id, pair) => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                let (n, e) = (encode(public.n), encode(public.e));
                json!({ "kty": "RSA", "kid": id, "n": n, "e": e, "use": "sig" })
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(_, pair) => pair.sign(message).as_ref().to_vec(),
            Self::P256(_, pair) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Self::Rsa(_, pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let random = SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": self.id() });
        self.token_with(&header, claims)
    }

    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

pub(crate) fn set(keys: &[&SigningKey]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
    json!({ "keys": keys }).to_string()
}

#[expect(clippy::disallowed_methods, reason = "a token's times are times of day")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

pub(crate) fn claims(subject: &str, scopes: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "scope": scopes, "exp": now() + 600
    })
}
