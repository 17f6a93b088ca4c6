//! A hash of a message's content. The inbox keeps it with the id.

/// The hash of type and body. It never changes, since replicas of other releases compare it. It
/// tells messages apart that were mistaken for one, not those that somebody made alike.
pub(crate) fn hash(event_type: &str, body: &[u8]) -> i64 {
    mix(mix(0, event_type.as_bytes()), body).cast_signed()
}

fn mix(before: u64, bytes: &[u8]) -> u64 {
    let mut hash = fold(before, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = fold(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (into, byte) in last.iter_mut().zip(rest) {
        *into = *byte;
    }
    fold(hash, u64::from_le_bytes(last))
}

/// Folds the halves of a product into one, so that each bit of the word reaches all of the hash.
#[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
fn fold(hash: u64, word: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(hash ^ word ^ ODD.rotate_left(32)) * u128::from(ODD);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_hash_is_the_same_in_all_releases() {
        assert_eq!(hash("a.b.v1", b""), 2_468_198_186_057_371_821);
        assert_eq!(hash("a.b.v1", br#"{"city":"Rome"}"#), 1_762_515_002_321_924_515);
    }

    #[test]
    fn contents_that_differ_a_little_have_other_hashes() {
        let body = br#"{"order_id":"0193f7a0-0000-7000-8000-000000000001","quantity":1}"#;
        let mut hashes = HashSet::from([hash("a.b.v1", body), hash("a.b.v2", body)]);
        assert_eq!(hashes.len(), 2);
        for at in 0..body.len() {
            for bit in 0..8 {
                let mut other = body.to_vec();
                other[at] ^= 1 << bit;
                assert!(hashes.insert(hash("a.b.v1", &other)), "byte {at}, bit {bit}");
            }
            assert!(hashes.insert(hash("a.b.v1", &body[..at])), "the first {at} bytes");
        }
        // Where the type ends and the body begins counts, and so do zeros at the end.
        for (event_type, body) in [("ab", &b"c"[..]), ("a", b"bc"), ("a", b"bc\0"), ("", b"abc")] {
            assert!(hashes.insert(hash(event_type, body)));
        }
    }
}
