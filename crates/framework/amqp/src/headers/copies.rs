//! The headers and properties that a copy of a message keeps.

use ballet_core::envelope::Limits;
use lapin::BasicProperties;
use lapin::types::FieldTable;

use crate::headers::names::{
    ATTEMPTS, DEAD_HEADERS, ORIGINAL_HEADERS, is_brokers, is_dead_letters, is_ours,
    is_written_at_delivery,
};
use crate::headers::value::{depth, encoded_entry_size, insert_text, text, unkept};

/// The note in a copy about headers that are nested too deep to keep.
pub(crate) const NESTED_TOO_DEEP: &str = "headers nested too deep were dropped";

/// How many bytes of headers remain in a copy that is too big: half of a frame, and more than we
/// ever write.
const MOST: usize = 64 * 1024;

/// Whose the headers are by which the broker records deaths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deaths {
    /// The broker's, which dead-lettered the message itself.
    Brokers,
    /// A producer's.
    Foreign,
}

/// Returns the original headers without those that would affect the copy, since they would route it
/// elsewhere, mark it as dead-lettered or redelivered, or make a stream refuse it.
/// [`ORIGINAL_HEADERS`] names those of a producer.
#[must_use]
pub fn kept(headers: Option<&FieldTable>, deaths: Deaths) -> FieldTable {
    let Some(headers) = headers else { return FieldTable::default() };
    let (mut kept, mut deep, mut left_out) = (FieldTable::default(), false, Vec::new());
    let deepest = Limits::default().max_headers.depth;
    for (name, value) in headers.inner() {
        match name.as_str() {
            // Deep nesting could overflow the stack of the copy's readers.
            _ if depth(value) > deepest => deep = true,
            name if is_dead_letters(name) || is_written_at_delivery(name) => {}
            name if is_brokers(name) => {
                if deaths == Deaths::Foreign {
                    left_out.push(name);
                }
            }
            name if unkept(name, value).is_some() => left_out.push(name),
            "CC" | "BCC" => {
                let name = format!("x-original-{}", name.as_str().to_lowercase());
                kept.insert(name.into(), value.clone());
            }
            _ => {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
    if !left_out.is_empty() {
        left_out.extend(headers.inner().get(ORIGINAL_HEADERS).and_then(text));
        insert_text(&mut kept, ORIGINAL_HEADERS, &left_out.join(", "));
    }
    if deep {
        insert_text(&mut kept, DEAD_HEADERS, NESTED_TOO_DEEP);
    }
    kept
}

/// Drops foreign headers from a copy that is too big, and the longest of a producer's values under
/// names of ours. Returns true if there were any.
pub fn drop_foreign(properties: &mut BasicProperties) -> bool {
    let headers = properties.headers().clone().unwrap_or_default();
    let ours = headers.inner().iter().filter(|(name, _)| is_ours(name.as_str()));
    let mut ours: Vec<_> = ours
        .map(|(name, value)| {
            // Only the copy says why it is one, so what the original had of these is not in it.
            let is_copys = is_dead_letters(name.as_str()) || name.as_str() == ATTEMPTS;
            (!is_copys, encoded_entry_size(name.as_str(), value), name, value)
        })
        .collect();
    ours.sort_by_key(|(is_originals, size, ..)| (*is_originals, *size));
    let (mut kept, mut bytes) = (FieldTable::default(), 0);
    for (_, size, name, value) in ours {
        bytes += size;
        if bytes > MOST {
            break;
        }
        kept.insert(name.clone(), value.clone());
    }
    if kept.inner().len() == headers.inner().len() {
        return false;
    }
    insert_text(&mut kept, DEAD_HEADERS, "the original headers were too big and were dropped");
    *properties = std::mem::take(properties).with_headers(kept);
    true
}

/// Returns the original properties without headers, `expiration` and `user_id`, which would affect
/// the copy.
#[must_use]
pub fn properties_to_keep(properties: &BasicProperties) -> BasicProperties {
    let kept = plain_body_properties(properties);
    match properties.content_encoding().clone() {
        Some(encoding) => kept.with_content_encoding(encoding),
        None => kept,
    }
}

/// Like [`properties_to_keep`], for a copy with another body, which is not compressed.
#[must_use]
pub fn plain_body_properties(properties: &BasicProperties) -> BasicProperties {
    let mut kept = BasicProperties::default();
    macro_rules! keep {
        ($($get:ident => $with:ident),+ $(,)?) => {$(
            if let Some(value) = properties.$get().clone() {
                kept = kept.$with(value);
            }
        )+};
    }
    keep!(
        content_type => with_content_type,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        app_id => with_app_id,
    );
    kept
}
