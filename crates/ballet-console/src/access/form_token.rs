//! The token that every form of a page has, and that no page of others knows: it is made of the person's session.

use ring::hmac::{HMAC_SHA256, Key, sign};

/// The token of the forms of this session.
pub(crate) fn made(secret: &[u8], session: &str) -> String {
    let tag = sign(&Key::new(HMAC_SHA256, secret), session.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two tokens are the same. How long it takes tells nothing of them: their signatures are compared.
pub(crate) fn is_same(secret: &[u8], one: &str, other: &str) -> bool {
    made(secret, one) == made(secret, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_session_and_one_secret() {
        let token = made(b"secret", "session");
        assert!(is_same(b"secret", &token, &made(b"secret", "session")));
        for other in [made(b"other", "session"), made(b"secret", "other"), String::new()] {
            assert!(!is_same(b"secret", &token, &other));
        }
    }
}
