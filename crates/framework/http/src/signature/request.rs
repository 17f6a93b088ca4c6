//! The parts of a request that a gateway signs: where it goes, the hash of its body, and all headers that decide what
//! becomes of it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::signature::hmac::hexadecimal;

/// The header with the signature.
pub const HEADER: &str = "x-ballet-signature";

/// The scheme in `WWW-Authenticate` by which a service asks for that header. Such a 401 says
/// nothing of the client.
pub const CHALLENGE: &str = "Ballet-Gateway";

/// The maximum difference between the time of a request's signature and the service's, either way:
/// as long as a gateway waits for an answer.
pub const VALID: Duration = Duration::from_secs(10);

/// The header with the [`body_hash`] of a body. A request without it has none.
pub const BODY_HASH: &str = "x-ballet-body";

/// The SHA-256 of a body, in hexadecimal.
#[must_use]
pub fn body_hash(body: &[u8]) -> String {
    hexadecimal(&Sha256::digest(body))
}

/// Whether a header is signed: those that only a gateway writes, conditions, and others that handlers read.
fn is_signed(name: &str) -> bool {
    (name.starts_with("x-ballet-") && name != HEADER)
        || name.starts_with("if-")
        || matches!(name, "content-type" | "idempotency-key" | "last-event-id")
}

/// The message that the signature of a request is of. `path` has the query, and the names of the
/// headers are in lower case.
pub fn message<'a>(
    method: &str,
    path: &str,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Vec<u8> {
    let mut signed: Vec<_> = headers.filter(|(name, _)| is_signed(name)).collect();
    // Of one name, in their order.
    signed.sort_by_key(|(name, _)| *name);
    // None of the parts has the end of a line in it.
    let mut message = format!("{method} {path}").into_bytes();
    for (name, value) in signed {
        message.push(b'\n');
        message.extend_from_slice(name.as_bytes());
        message.push(b':');
        message.extend_from_slice(value);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_is_in_it_in_any_order_and_nothing_else() {
        let of = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
            String::from_utf8(message("POST", "/orders?a=1", headers)).expect("text")
        };
        let all = [("x-ballet-scopes", ""), ("accept", "a"), ("idempotency-key", "sub:7:k")];
        let expected = "POST /orders?a=1\nidempotency-key:sub:7:k\nx-ballet-scopes:";
        assert_eq!(of(&all), expected);
        let other = [("idempotency-key", "sub:7:k"), (HEADER, "t=1"), ("x-ballet-scopes", "")];
        assert_eq!(of(&other), expected);
        let put = [("if-match", "\"2\""), ("x-ballet-body", "00"), ("content-type", "a/b")];
        let expected = "POST /orders?a=1\ncontent-type:a/b\nif-match:\"2\"\nx-ballet-body:00";
        assert_eq!(of(&put), expected);
        // Without scopes a request comes from within, and must not look like one that has none.
        assert_ne!(of(&all[1..]), expected);
    }
}
