//! The parts of a request that a gateway signs: where it goes, and all that only a gateway says. The body is not in it:
//! it passes while it comes.

/// The header with the signature.
pub const HEADER: &str = "x-ballet-signature";

/// The scheme in `WWW-Authenticate` by which a service asks for that header: its 401 is for the gateway then, and says
/// nothing of the client.
pub const CHALLENGE: &str = "Ballet-Gateway";

/// Whether a header comes from a gateway alone, and is signed.
fn is_signed(name: &str) -> bool {
    (name.starts_with("x-ballet-") && name != HEADER) || name == "idempotency-key"
}

/// The message that the signature of a request is of. `path` has the query; the names of the headers are in
/// lower case. A header more or less is another message.
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
    fn what_only_the_gateway_says_is_in_it_in_any_order_and_nothing_else() {
        let of = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
            String::from_utf8(message("POST", "/orders?a=1", headers)).expect("text")
        };
        let all = [("x-ballet-scopes", ""), ("accept", "a"), ("idempotency-key", "sub:7:k")];
        let expected = "POST /orders?a=1\nidempotency-key:sub:7:k\nx-ballet-scopes:";
        assert_eq!(of(&all), expected);
        let other = [("idempotency-key", "sub:7:k"), (HEADER, "t=1"), ("x-ballet-scopes", "")];
        assert_eq!(of(&other), expected);
        // Without scopes a request comes from within: it must not look like one that has none.
        assert_ne!(of(&all[1..]), expected);
    }
}
