//! Reads serde's errors about a request that cannot be read.

use std::error::Error;

use serde_path_to_error::{Path, Segment};

/// The names and indexes that lead to a field. serde names a missing or repeated field in its
/// message, and only its parent in the path.
pub(super) fn names(path: &Path, what: &str) -> Vec<String> {
    let named = ["missing field `", "duplicate field `"];
    let named = named.iter().find_map(|words| what.strip_prefix(words)?.split_once('`'));
    let known = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    });
    known.chain(named.map(|(name, _)| name.to_owned())).collect()
}

pub(super) fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
