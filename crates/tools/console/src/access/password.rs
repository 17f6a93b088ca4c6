//! Passwords, stored as salted argon2id hashes.

use anyhow::{Result, anyhow};
use argon2::Argon2;
use ring::rand::{SecureRandom, SystemRandom};

pub(super) const NO_RANDOMNESS: &str = "the operating system gives no random bytes";
const SALT: usize = 16;
const HASH: usize = 32;
/// Nobody makes the console hash megabytes.
pub(crate) const LONGEST: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

pub(crate) fn hash_new(password: &str) -> Result<PasswordHash> {
    let mut salt = vec![0; SALT];
    SystemRandom::new().fill(&mut salt).map_err(|_| anyhow!(NO_RANDOMNESS))?;
    let hash = hash(password, &salt)?;
    Ok(PasswordHash { salt, hash })
}

/// Without an account this takes the same time, and returns false.
pub(crate) fn is_right(password: &str, kept: Option<&PasswordHash>) -> Result<bool> {
    let nobody = PasswordHash { salt: vec![0; SALT], hash: vec![0; HASH] };
    let kept_hash = kept.unwrap_or(&nobody);
    let found = hash(password, &kept_hash.salt)?;
    // Every byte, so that the time reveals nothing.
    let differs = found.iter().zip(&kept_hash.hash).fold(0, |sum, (a, b)| sum | (a ^ b));
    Ok(kept.is_some() && differs == 0 && kept_hash.hash.len() == HASH)
}

/// OWASP's parameters, which are the library's defaults: 19 MiB, 2 passes.
fn hash(password: &str, salt: &[u8]) -> Result<Vec<u8>> {
    let mut hash = vec![0; HASH];
    let made = Argon2::default().hash_password_into(password.as_bytes(), salt, &mut hash);
    made.map_err(|error| anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hash)
}
