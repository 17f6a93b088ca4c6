//! Session tokens, and the passwords that the console makes up. The database has only a token's hash.

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::ConsoleError;

/// Draws a new token, which nobody can guess.
pub(crate) fn new() -> Result<String, ConsoleError> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ConsoleError::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the hash of a token, as the database has it.
pub(crate) fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}
