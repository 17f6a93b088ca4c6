//! API keys: programs sign in with a secret of 256 random bits.
//!
//! A key is stored as its SHA-256. Slow hashes protect guessable secrets. This one cannot be guessed, and a fast hash
//! costs a request nothing.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

use crate::auth::identity::Identity;
use crate::config::file::ApiKey;
use crate::http::ids::hex;

const SECRET_BYTES: usize = 32;

/// Returns the key and its hash.
pub(crate) fn generate(id: &str) -> Result<(String, String), ring::error::Unspecified> {
    let mut secret = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut secret)?;
    let key = format!("{id}.{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
    let hash = hash(&key);
    Ok((key, hash))
}

pub(crate) fn sign_in(known: &[ApiKey], given: &str) -> Option<Identity> {
    let (id, _) = given.split_once('.')?;
    let given = hash(given);
    // A client has two keys during a replacement. The time of the comparison reveals only the hash, and no key follows
    // from that.
    let of_client = known.iter().filter(|key| key.id == id);
    let key = of_client.into_iter().find(|key| key.hash.eq_ignore_ascii_case(&given))?;
    Some(Identity {
        client: format!("key:{id}").into(),
        subject: id.to_owned(),
        scopes: key.scopes.iter().map(|scope| scope.0.clone()).collect(),
        until: None,
    })
}

fn hash(key: &str) -> String {
    hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref())
}
