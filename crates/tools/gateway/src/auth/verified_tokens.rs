//! Verified tokens. Checking a signature costs more than the rest of a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest;

use crate::auth::jwk::PublicKey;
use crate::auth::jwt::VerifiedClaims;

/// At least this many clients are known, and at most twice as many.
const GENERATION: usize = 4_096;

/// The token itself is not kept.
type TokenDigest = [u8; digest::SHA256_OUTPUT_LEN];

/// Valid while the key set has the key.
#[derive(Debug)]
pub(crate) struct VerifiedToken {
    pub(crate) key: Arc<PublicKey>,
    pub(crate) token: VerifiedClaims,
}

#[derive(Debug, Default)]
pub(crate) struct VerifiedTokens(Mutex<Generations<Arc<VerifiedToken>>>);

/// Recently used entries are young, and old ones make room for them.
#[derive(Debug)]
struct Generations<T> {
    young: HashMap<TokenDigest, T>,
    old: HashMap<TokenDigest, T>,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<T: Clone> Generations<T> {
    fn find(&mut self, token: &TokenDigest) -> Option<T> {
        if let Some(known) = self.young.get(token) {
            return Some(known.clone());
        }
        let known = self.old.remove(token)?;
        self.add(*token, known.clone());
        Some(known)
    }

    fn add(&mut self, token: TokenDigest, known: T) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, known);
    }
}

impl VerifiedTokens {
    pub(crate) fn find(&self, text: &str) -> Option<Arc<VerifiedToken>> {
        let token = token_digest(text)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).find(&token)
    }

    pub(crate) fn add(&self, text: &str, known: VerifiedToken) {
        if let Some(token) = token_digest(text) {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.add(token, Arc::new(known));
        }
    }
}

fn token_digest(text: &str) -> Option<TokenDigest> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_there_is_an_end_to_the_rest() {
        let mut all = Generations::default();
        let name = |number: usize| token_digest(&number.to_string()).unwrap();
        for number in 0..5 * GENERATION {
            all.add(name(number), number);
            assert_eq!(all.find(&name(0)), Some(0), "after {number}");
        }
        assert_eq!(all.find(&name(1)), None);
        assert_eq!(all.find(&name(5 * GENERATION - 1)), Some(5 * GENERATION - 1));
        assert!(all.young.len() + all.old.len() <= 2 * GENERATION);
    }
}
