//! Signed tokens (RFC 7515, RFC 7519), checked strictly.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::auth::identity::Identity;
use crate::auth::jwk::{Algorithm, PublicKey};

/// The longest accepted token, in bytes. No honest token is longer.
const LONGEST: usize = 8 * 1024;

/// The reason why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    TooLong,
    Malformed,
    Algorithm,
    UnknownKey,
    Signature,
    Expired,
    NotYetValid,
    Issuer,
    Audience,
    Subject,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => {
                "the token has more than 8 KiB, the most that is read: get a smaller one"
            }
            Self::Malformed => {
                "the token is not a signed JWT with the claims iss, aud, sub and exp"
            }
            Self::Algorithm => {
                "the token must be signed with the algorithm of its key: EdDSA or RS256"
            }
            Self::UnknownKey => "no key of the key set has the token's kid",
            Self::Signature => "the token's signature is wrong",
            Self::Expired => "the token has expired: get a new one",
            Self::NotYetValid => "the token is not valid yet",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::Subject => "the token's sub must be 1 to 200 visible ASCII characters",
        })
    }
}

/// A token whose signature has not been checked.
#[derive(Debug)]
pub(crate) struct UncheckedToken<'a> {
    pub(crate) kid: String,
    algorithm: Algorithm,
    signed: &'a [u8],
    claims: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct JoseHeader {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
    b64: Option<bool>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    /// A time that is not a number makes the token malformed. It never counts as absent.
    exp: f64,
    nbf: Option<f64>,
    scope: Option<Scopes>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scopes {
    Text(String),
    List(Vec<String>),
}

/// The end of the year 9999. A token beyond it would never expire.
const LATEST: f64 = 253_402_300_799.0;

/// The times between which a token is valid.
#[derive(Debug, Clone, Copy)]
struct TokenTimes {
    exp: f64,
    nbf: Option<f64>,
}

/// The claims of a token with a valid signature and our audience. Its times decide whether it is valid now.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedClaims {
    identity: Arc<Identity>,
    times: TokenTimes,
}

/// The values that a token must have to be accepted now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedClaims<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) leeway: i64,
    pub(crate) now: i64,
}

impl<'a> UncheckedToken<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > LONGEST {
            return Err(TokenError::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let read: JoseHeader = decode(header)?;
        let algorithm = match read.alg.as_str() {
            "EdDSA" => Algorithm::EdDSA,
            "RS256" => Algorithm::RS256,
            _ => return Err(TokenError::Algorithm),
        };
        // The token requires extensions that the gateway does not understand.
        if read.crit.is_some() || read.b64.is_some() {
            return Err(TokenError::Malformed);
        }
        let signature =
            BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        let signed = &text.as_bytes()[..header.len() + 1 + claims.len()];
        let kid = read.kid.ok_or(TokenError::UnknownKey)?;
        Ok(Self { kid, algorithm, signed, claims, signature })
    }

    /// Checks the token with the key of its `kid`.
    pub(crate) fn check(
        &self,
        key: &PublicKey,
        expected: &ExpectedClaims<'_>,
    ) -> Result<VerifiedClaims, TokenError> {
        if key.algorithm() != self.algorithm {
            return Err(TokenError::Algorithm);
        }
        if !key.signed(self.signed, &self.signature) {
            return Err(TokenError::Signature);
        }
        let claims: Claims = decode(self.claims)?;
        if claims.exp > LATEST {
            return Err(TokenError::Malformed);
        }
        let times = TokenTimes { exp: claims.exp, nbf: claims.nbf };
        times.hold(expected)?;
        if claims.iss != expected.issuer {
            return Err(TokenError::Issuer);
        }
        let meant = match &claims.aud {
            Audience::One(audience) => audience == expected.audience,
            Audience::Several(all) => all.iter().any(|one| one == expected.audience),
        };
        if !meant {
            return Err(TokenError::Audience);
        }
        // The subject becomes a header of the requests to services.
        let subject = claims.sub;
        let visible = subject.bytes().all(|byte| byte.is_ascii_graphic());
        if subject.is_empty() || subject.len() > 200 || !visible {
            return Err(TokenError::Subject);
        }
        let scopes = match claims.scope {
            None => Vec::new(),
            Some(Scopes::Text(text)) => text.split(' ').map(str::to_owned).collect(),
            Some(Scopes::List(list)) => list,
        };
        let graphic =
            |scope: &String| !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic());
        let scopes = scopes.into_iter().filter(graphic).collect();
        let identity = Identity { client: format!("sub:{subject}").into(), subject, scopes };
        Ok(VerifiedClaims { identity: Arc::new(identity), times })
    }
}

impl TokenTimes {
    fn hold(self, expected: &ExpectedClaims<'_>) -> Result<(), TokenError> {
        #[expect(clippy::cast_precision_loss, reason = "seconds fit into a float")]
        let (now, leeway) = (expected.now as f64, expected.leeway as f64);
        if now - leeway >= self.exp {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| now + leeway < nbf) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

impl VerifiedClaims {
    /// Returns whom the token stands for, if it is valid now.
    pub(crate) fn now(&self, expected: &ExpectedClaims<'_>) -> Result<Arc<Identity>, TokenError> {
        self.times.hold(expected)?;
        Ok(Arc::clone(&self.identity))
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}
