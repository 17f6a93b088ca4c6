//! The proof that an account has logged in from a browser before, which the browser keeps as a cookie.

use ring::hmac::{HMAC_SHA256, Key, sign};

/// Returns the proof for a browser of this account.
pub(crate) fn proof(secret: &[u8], account: &str) -> String {
    signed(secret, &format!("known {account}"))
}

/// Whether a browser has shown the proof of this account. It compares signatures of both, so its time reveals nothing of
/// the proof.
pub(crate) fn is_proof(secret: &[u8], account: &str, shown: &str) -> bool {
    signed(secret, shown) == signed(secret, &proof(secret, account))
}

fn signed(secret: &[u8], text: &str) -> String {
    let tag = sign(&Key::new(HMAC_SHA256, secret), text.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_account_and_one_secret() {
        let ada = proof(b"secret", "ada");
        assert!(is_proof(b"secret", "ada", &ada));
        for other in [proof(b"other", "ada"), proof(b"secret", "eve"), String::new()] {
            assert!(!is_proof(b"secret", "ada", &other));
        }
    }
}
