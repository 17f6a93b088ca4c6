//! The token in every form of a page. It is derived from the person's session, and pages of other sites do not know it.

use ring::hmac::{HMAC_SHA256, Key, sign};

/// Returns the token for the forms of this session.
pub(crate) fn token_of(secret: &[u8], session: &str) -> String {
    let tag = sign(&Key::new(HMAC_SHA256, secret), session.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two tokens are equal. It compares their signatures, so its time reveals nothing of the tokens.
pub(crate) fn is_same(secret: &[u8], one: &str, other: &str) -> bool {
    token_of(secret, one) == token_of(secret, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_session_and_one_secret() {
        let token = token_of(b"secret", "session");
        assert!(is_same(b"secret", &token, &token_of(b"secret", "session")));
        for other in [token_of(b"other", "session"), token_of(b"secret", "other"), String::new()] {
            assert!(!is_same(b"secret", &token, &other));
        }
    }
}
