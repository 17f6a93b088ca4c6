//! HMAC-SHA256 over a time and a message.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The maximum difference between the time of a webhook's signature and ours, either way.
pub const VALID: Duration = Duration::from_secs(5 * 60);
/// The longest signature that is read, in bytes.
const LONGEST: usize = 1024;

/// Signs a message at a time, in seconds since 1970: `t=1732233600,v1=` and the HMAC-SHA256 of
/// `1732233600.` and the message, in hexadecimal. While secrets are exchanged a sender may add one `v1` of
/// each.
#[must_use]
pub fn sign(secret: &str, seconds: i64, message: &[u8]) -> String {
    let time = seconds.to_string();
    let tag = hmac_sha256(secret.as_bytes(), &signed(&time, message));
    format!("t={time},v1={}", hexadecimal(&tag))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks that one of the secrets signed this message at most `valid` ago, or by a clock that is at most so much ahead.
/// `now` is in seconds since 1970.
///
/// # Errors
///
/// Why the signature does not count.
pub fn check(
    secrets: &[String],
    signature: &str,
    now: i64,
    valid: Duration,
    message: &[u8],
) -> Result<(), &'static str> {
    let (mut time, mut tags) = (None, Vec::new());
    if signature.len() > LONGEST {
        return Err("the signature is too long");
    }
    for part in signature.split(',') {
        match part.trim().split_once('=') {
            Some(("t", _)) if time.is_some() => return Err("the signature has two times"),
            Some(("t", text)) => time = Some(text),
            Some(("v1", hex)) => tags.extend(bytes(hex)),
            // A scheme that comes later.
            Some(_) | None => {}
        }
    }
    let time = time.ok_or("the signature has no time: t=")?;
    let signed = signed(time, message);
    // The message is hashed once for a secret, however many tags there are. Comparing their own
    // tags reveals nothing of the right one by its time.
    let is_right = |secret: &String| {
        let hash = |message: &[u8]| hmac_sha256(secret.as_bytes(), message);
        let right = hash(&hash(&signed));
        tags.iter().any(|tag| hash(tag) == right)
    };
    if !secrets.iter().any(is_right) {
        return Err("no valid secret signed this at this time");
    }
    let seconds: i64 = time.parse().map_err(|_| "the time of the signature is no number")?;
    if now.abs_diff(seconds) > valid.as_secs() {
        return Err("the signature is too old, or from the future: sign each attempt anew");
    }
    Ok(())
}

/// The HMAC-SHA256 of a message.
#[must_use]
pub fn hmac_sha256(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let mut key = [0; 64];
    let hashed = Sha256::digest(secret);
    // So a longer key is used by its hash, and a shorter one is filled up.
    let used = if secret.len() > key.len() { &hashed[..] } else { secret };
    key[..used.len()].copy_from_slice(used);
    Hmac::<Sha256>::new(&key.into()).chain_update(message).finalize().into_bytes().into()
}

fn signed(time: &str, message: &[u8]) -> Vec<u8> {
    [time.as_bytes(), b".", message].concat()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.bytes().map(digit).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

const fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        b'A'..=b'F' => Some(letter - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"event_id":"1"}"#;

    fn checked(header: &str, now: i64, body: &[u8]) -> Result<(), &'static str> {
        check(&["new".to_owned(), "old".to_owned()], header, now, VALID, body)
    }

    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        // printf '1000.{"event_id":"1"}' | openssl dgst -sha256 -hmac new
        let hex = "f25e3b7f0f0f2f22abef4568da04cf7930741a7cb91798d12e94168f34d7ee68";
        assert_eq!(sign("new", 1000, BODY), format!("t=1000,v1={hex}"));
    }

    #[test]
    fn any_valid_secret_may_sign_and_no_other() {
        let (new, old) = (sign("new", 1000, BODY), sign("old", 1000, BODY));
        assert_eq!(checked(&new, 1000, BODY), Ok(()));
        assert_eq!(checked(&old, 1000, BODY), Ok(()));
        let both = format!("{},v1={}", sign("gone", 1000, BODY), &old[10..]);
        assert_eq!(checked(&both, 1000, BODY), Ok(()));
        let upper = new.to_uppercase().replace("T=", "t=").replace("V1=", "v1=");
        assert_eq!(checked(&upper, 1000, BODY), Ok(()));
        for (header, body) in [
            (sign("gone", 1000, BODY), BODY),
            (new.clone(), br#"{"event_id":"2"}"#),
            (new.replace("t=1000", "t=1001"), BODY),
            (new.replace("v1=", "v0="), BODY),
            (new[..new.len() - 1].to_owned(), BODY),
            (format!("t=1000,{new}"), BODY),
            ("t=1000".to_owned(), BODY),
            ("t=1000,v1=".to_owned(), BODY),
            (String::new(), BODY),
            ("v1=é".repeat(300), BODY),
        ] {
            assert!(checked(&header, 1000, body).is_err(), "{header}");
        }
    }

    #[test]
    fn a_webhooks_signature_is_valid_for_five_minutes() {
        let signed = sign("new", 1000, BODY);
        for now in [700, 1000, 1300] {
            assert_eq!(checked(&signed, now, BODY), Ok(()), "{now}");
        }
        for now in [699, 1301, 0, 1_000_000] {
            assert!(checked(&signed, now, BODY).is_err(), "{now}");
        }
    }
}
