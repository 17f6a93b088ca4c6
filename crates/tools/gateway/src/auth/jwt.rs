//! Signed tokens (RFC 7515, RFC 7519). jsonwebtoken checks them, and this refuses what it leaves open.

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
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

const MALFORMED: &str = "the token is not a JWT signed with EdDSA, ES256 or RS256";
const ALGORITHM: &str =
    "the token must be signed with the algorithm of its key: EdDSA, ES256 or RS256";

fn claim_fault(claim: &str) -> String {
    format!("the token's {claim} is missing or malformed")
}

fn fault(error: &ErrorKind, expected: &Jwt) -> String {
    match error {
        ErrorKind::InvalidAlgorithm => ALGORITHM.to_owned(),
        ErrorKind::InvalidSignature => "the token's signature is wrong".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            claim_fault(claim)
        }
        ErrorKind::InvalidIssuer => {
            format!("the token is of another issuer: its iss must be {}", expected.issuer)
        }
        ErrorKind::InvalidAudience => {
            format!("the token is for another audience: its aud must have {}", expected.audience)
        }
        _ => MALFORMED.to_owned(),
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
pub(crate) fn key_id(token: &str) -> Result<Option<String>, String> {
    if token.len() > LONGEST {
        let long = "the token has more than 8 KiB, the most that is read: get a smaller one";
        return Err(long.to_owned());
    }
    let header = decode_header(token).map_err(|_| MALFORMED)?;
    if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256) {
        return Err(ALGORITHM.to_owned());
    }
    Ok(header.kid.filter(|kid| !kid.is_empty()))
}

/// Checks a token with its key, but not its times: [`VerifiedClaims::now`] does that at each use.
pub(crate) fn check(
    token: &str,
    key: &PublicKey,
    expected: &Jwt,
) -> Result<VerifiedClaims, String> {
    let mut validation = Validation::new(key.algorithm);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    validation.validate_exp = false;
    let claims: Map<String, Value> = decode(token, &key.decoding, &validation)
        .map_err(|error| fault(error.kind(), expected))?
        .claims;
    let time = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(time) => {
            time.as_f64().filter(|time| *time <= LATEST).map(Some).ok_or_else(|| claim_fault(name))
        }
    };
    let exp = time("exp")?.ok_or_else(|| claim_fault("exp"))?;
    let nbf = time("nbf")?;
    let sub = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    // It becomes a header of requests to services.
    if sub.len() > 200 || !is_visible(&sub) {
        return Err("the token's sub must be 1 to 200 visible ASCII characters".to_owned());
    }
    let claims = Value::Object(claims);
    let named = expected.scope_claims.iter().filter_map(|name| named_claim(&claims, name));
    let mut scopes: Vec<String> = named.flat_map(scopes_of).collect();
    scopes.retain(|scope| is_visible(scope));
    #[expect(clippy::cast_possible_truncation, reason = "the year 9999 at most")]
    let until = Some(exp as i64);
    let client = format!("sub:{sub}").into();
    let identity = Arc::new(Identity { client, subject: sub, scopes, until });
    Ok(VerifiedClaims { identity, exp, nbf })
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
    pub(crate) fn now(&self, expected: &Jwt) -> Result<Arc<Identity>, String> {
        #[expect(clippy::cast_precision_loss, reason = "seconds fit into a float")]
        let (now, leeway) = (unix_seconds() as f64, expected.leeway.0.as_secs() as f64);
        if now - leeway >= self.exp {
            return Err("the token has expired: get a new one".to_owned());
        }
        if self.nbf.is_some_and(|nbf| now + leeway < nbf) {
            return Err("the token is not valid yet".to_owned());
        }
        Ok(Arc::clone(&self.identity))
    }
}
