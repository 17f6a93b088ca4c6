//! Request ids, unique but public numbers, and hashes as text.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Practically unique, and not secret.
pub(crate) fn random_number() -> u64 {
    // Each `RandomState` has other keys.
    RandomState::new().build_hasher().finish().max(1)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A well-formed id of the client's own, or a new one.
pub(crate) fn request_id(given: Option<&str>) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match given {
        Some(id) if (8..=64).contains(&id.len()) && id.chars().all(good) => id.to_owned(),
        _ => format!("{:016x}{:016x}", random_number(), random_number()),
    }
}
