//! Verified tokens. Checking a signature costs more than the rest of a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest;

use crate::auth::jwk::PublicKey;
use crate::auth::jwt::VerifiedClaims;

/// With more tokens all are verified anew.
const MOST: usize = 8_192;

/// The token itself is not kept.
type TokenDigest = [u8; digest::SHA256_OUTPUT_LEN];

type ClaimsByToken = HashMap<TokenDigest, VerifiedClaims>;

/// The claims by tokens, and the keys that have verified them.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokens(Mutex<(Option<Arc<[PublicKey]>>, ClaimsByToken)>);

impl VerifiedTokens {
    pub(crate) fn find(&self, keys: &Arc<[PublicKey]>, text: &str) -> Option<VerifiedClaims> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_by_them = all.0.as_ref().is_some_and(|by| Arc::ptr_eq(by, keys));
        all.1.get(&token_digest(text)?).filter(|_| is_by_them).cloned()
    }

    pub(crate) fn add(&self, keys: &Arc<[PublicKey]>, text: &str, claims: VerifiedClaims) {
        let Some(token) = token_digest(text) else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_by_them = all.0.as_ref().is_some_and(|by| Arc::ptr_eq(by, keys));
        if !is_by_them || all.1.len() >= MOST {
            *all = (Some(Arc::clone(keys)), HashMap::new());
        }
        all.1.insert(token, claims);
    }
}

fn token_digest(text: &str) -> Option<TokenDigest> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().try_into().ok()
}
