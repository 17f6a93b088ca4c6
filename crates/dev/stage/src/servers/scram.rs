//! Passwords as Postgres stores them.
//!
//! Postgres and each client hash a password 4096 times, which protects passwords that people choose. Ours are random,
//! and a test run logs in thousands of times, at tens of milliseconds in a debug build. So ours are hashed once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::random;

const ROUNDS: u32 = 1;

/// `create role ... password` takes this verifier instead of the password.
pub(crate) fn verifier(password: &str) -> Result<String> {
    with_salt(password, &random::bytes::<16>()?, ROUNDS)
}

/// Returns a verifier as in RFC 5803; the password has to be ASCII.
fn with_salt(password: &str, salt: &[u8], rounds: u32) -> Result<String> {
    let mut round = keyed_hash(password.as_bytes(), &[salt, &1_u32.to_be_bytes()])?;
    let mut salted = round;
    for _ in 1..rounds {
        round = keyed_hash(password.as_bytes(), &[&round])?;
        salted.iter_mut().zip(round).for_each(|(byte, other)| *byte ^= other);
    }
    let stored = Sha256::digest(keyed_hash(&salted, &[b"Client Key"])?);
    let server = keyed_hash(&salted, &[b"Server Key"])?;
    let [salt, stored, server] = [salt, &stored, &server].map(|bytes| STANDARD.encode(bytes));
    Ok(format!("SCRAM-SHA-256${rounds}:{salt}${stored}:{server}"))
}

fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32]> {
    let hash = Hmac::<Sha256>::new_from_slice(key).map_err(|error| Error::Machine {
        what: "hash a password".to_owned(),
        source: std::io::Error::other(error),
    })?;
    let hash = parts.iter().fold(hash, |hash, part| hash.chain_update(part));
    Ok(hash.finalize().into_bytes().into())
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
        assert_eq!(with_salt("pencil", &salt, 4096).unwrap(), expected);
    }
}
