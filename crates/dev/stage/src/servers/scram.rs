//! Passwords as Postgres stores them.
//!
//! Postgres and each client hash a password 4096 times, which protects passwords that people choose. Ours are random,
//! and a test run logs in thousands of times, at tens of milliseconds in a debug build. So ours are hashed once.

use ballet_http::signature::hmac_sha256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::random;

const ROUNDS: u32 = 1;

/// `create role ... password` takes this verifier instead of the password.
pub(crate) fn verifier(password: &str) -> Result<String> {
    Ok(with_salt(password, &random::bytes::<16>()?, ROUNDS))
}

/// Returns a verifier as in RFC 5803; the password has to be ASCII.
fn with_salt(password: &str, salt: &[u8], rounds: u32) -> String {
    // PBKDF2, of one block.
    let hash = |message: &[u8]| hmac_sha256(password.as_bytes(), message);
    let mut last = hash(&[salt, &[0, 0, 0, 1]].concat());
    let mut salted = last;
    for _ in 1..rounds {
        last = hash(&last);
        salted.iter_mut().zip(last).for_each(|(byte, other)| *byte ^= other);
    }
    let stored = Sha256::digest(hmac_sha256(&salted, b"Client Key"));
    let server = hmac_sha256(&salted, b"Server Key");
    let [salt, stored, server] = [salt, &stored[..], &server].map(|bytes| STANDARD.encode(bytes));
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
        assert_eq!(with_salt("pencil", &salt, 4096), expected);
    }
}
