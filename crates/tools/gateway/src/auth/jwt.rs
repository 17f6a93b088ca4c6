//! Signed tokens (RFC 7515, RFC 7519). jsonwebtoken checks them, and this refuses what it leaves open.

use std::sync::Arc;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::auth::identity::Identity;
use crate::auth::jwk::PublicKey;
use crate::config::file::Jwt;
use crate::http::wall_clock::unix_seconds;

/// In bytes. No honest token is longer.
const LONGEST: usize = 8 * 1024;
/// The year 9999. A later token would never expire.
const LATEST: f64 = 253_402_300_799.0;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token has more than 8 KiB, the most that is read: get a smaller one")]
    TooLong,
    #[error("the token is not a JWT signed with EdDSA, ES256 or RS256")]
    Malformed,
    #[error("the token must be signed with the algorithm of its key: EdDSA, ES256 or RS256")]
    Algorithm,
    #[error("no key of the key set has the token's kid")]
    UnknownKey,
    #[error("the token names no key (kid), and the key set has several")]
    NoKeyId,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired: get a new one")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token's {0} is missing or malformed")]
    Claim(String),
    #[error("the token is of another issuer: its iss must be {0}")]
    Issuer(String),
    #[error("the token is for another audience: its aud must have {0}")]
    Audience(String),
    #[error("the token's sub must be 1 to 200 visible ASCII characters")]
    Subject,
}

impl TokenError {
    fn of(error: &Error, expected: &Jwt) -> Self {
        match error.kind() {
            ErrorKind::InvalidAlgorithm => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
                Self::Claim(claim.clone())
            }
            ErrorKind::InvalidIssuer => Self::Issuer(expected.issuer.clone()),
            ErrorKind::InvalidAudience => Self::Audience(expected.audience.clone()),
            _ => Self::Malformed,
        }
    }
}

/// The claims of a token with a valid signature and our audience. Its times decide whether it is valid now.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedClaims {
    identity: Arc<Identity>,
    exp: f64,
    nbf: Option<f64>,
}

/// The token is not checked, and need not name a key.
pub(crate) fn key_id(token: &str) -> Result<Option<String>, TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::TooLong);
    }
    let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
    if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256) {
        return Err(TokenError::Algorithm);
    }
    Ok(header.kid.filter(|kid| !kid.is_empty()))
}

/// Checks a token with its key, but not its times: [`VerifiedClaims::now`] does that at each use.
pub(crate) fn check(
    token: &str,
    key: &PublicKey,
    expected: &Jwt,
) -> Result<VerifiedClaims, TokenError> {
    let mut validation = Validation::new(key.algorithm);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    validation.validate_exp = false;
    let claims: Map<String, Value> = decode(token, &key.decoding, &validation)
        .map_err(|error| TokenError::of(&error, expected))?
        .claims;
    let time = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(time) => time
            .as_f64()
            .filter(|time| *time <= LATEST)
            .map(Some)
            .ok_or_else(|| TokenError::Claim(name.to_owned())),
    };
    let exp = time("exp")?.ok_or_else(|| TokenError::Claim("exp".to_owned()))?;
    let nbf = time("nbf")?;
    let sub = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    // It becomes a header of requests to services.
    if sub.len() > 200 || !is_visible(&sub) {
        return Err(TokenError::Subject);
    }
    let claims = Value::Object(claims);
    let named = expected.scope_claims.iter().filter_map(|name| named_claim(&claims, name));
    let mut scopes: Vec<String> = named.flat_map(scopes_of).collect();
    scopes.retain(|scope| is_visible(scope));
    Ok(VerifiedClaims { identity: Arc::new(Identity::of_token(sub, scopes)), exp, nbf })
}

/// Finds a claim by its name, or by its JSON pointer (RFC 6901): `/realm_access/roles`.
fn named_claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

/// Returns the scopes of a claim: a text with spaces, or a list. Anything else has none.
fn scopes_of(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(text) => text.split(' ').map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

impl VerifiedClaims {
    /// Returns whom the token stands for, if it is valid now.
    pub(crate) fn now(&self, expected: &Jwt) -> Result<Arc<Identity>, TokenError> {
        #[expect(clippy::cast_precision_loss, reason = "seconds fit into a float")]
        let (now, leeway) = (unix_seconds() as f64, expected.leeway.0.as_secs() as f64);
        if now - leeway >= self.exp {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| now + leeway < nbf) {
            return Err(TokenError::NotYetValid);
        }
        Ok(Arc::clone(&self.identity))
    }
}
