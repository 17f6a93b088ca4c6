//! Passwords as Postgres stores them.
//!
//! Postgres and each client hash a password 4096 times, which protects passwords that people choose. Ours are random,
//! and a test run logs in thousands of times, at tens of milliseconds in a debug build. So ours are hashed once.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};

use crate::error::Result;
use crate::random;

const ROUNDS: NonZeroU32 = NonZeroU32::MIN;

/// `create role ... password` takes this verifier instead of the password.
pub(crate) fn verifier(password: &str) -> Result<String> {
    Ok(with_salt(password, &random::bytes::<16>()?, ROUNDS))
}

/// Returns a verifier as in RFC 5803; the password has to be ASCII.
fn with_salt(password: &str, salt: &[u8], rounds: NonZeroU32) -> String {
    let mut salted = [0; 32];
    derive(PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut salted);
    let key = Key::new(HMAC_SHA256, &salted);
    let stored = digest(&SHA256, sign(&key, b"Client Key").as_ref());
    let server = sign(&key, b"Server Key");
    let [salt, stored, server] =
        [salt, stored.as_ref(), server.as_ref()].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${rounds}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_postgres_does() {
        let salt = STANDARD.decode("r6PO3y4UZIg7KNTHAc8hAA==").unwrap();
        let expected = "SCRAM-SHA-256$4096:r6PO3y4UZIg7KNTHAc8hAA==\
            $6MTobmDH1CAYsyF/dFsbccv9Bn/GRmrKx7fTz5UNPkc=\
            :Gw8RJhOZ/3pi/W7ddZE7BLQGwFuUTznOE40sdyjQVNQ=";
        let rounds = NonZeroU32::new(4096).unwrap();
        assert_eq!(with_salt("pencil", &salt, rounds), expected);
    }
}
