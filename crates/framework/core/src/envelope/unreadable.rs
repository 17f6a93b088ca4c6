//! Parts of a message's properties that no AMQP client can read: the header that describes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The maximum number of bytes of one part that are kept. A property has at most 255.
const LONGEST_PART: usize = 1024;
/// The maximum number of bytes of all parts that are kept.
const LONGEST: usize = 4096;
const MOST_PARTS: usize = 24;
/// The maximum number of characters of a part's name.
const LONGEST_NAME: usize = 40;

/// A part of a message's properties that cannot be read, as JSON in a header of its copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadablePart {
    /// The part, for instance `app_id` or ``header `price` ``.
    part: String,
    /// The mistake in it, for instance `is not UTF-8`.
    problem: String,
    /// The bytes as they came.
    base64: String,
    /// How many bytes there were, if not all are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
}

impl UnreadablePart {
    /// Describes a part. Many bytes are cut.
    #[must_use]
    pub fn new(part: &str, problem: &str, bytes: &[u8]) -> Self {
        let kept = bytes.get(..LONGEST_PART).unwrap_or(bytes);
        Self {
            part: part.to_owned(),
            problem: problem.to_owned(),
            base64: STANDARD.encode(kept),
            of: (kept.len() < bytes.len()).then_some(bytes.len()),
        }
    }

    /// Describes a header. Its name may be any bytes.
    #[must_use]
    pub fn header(name: &[u8], problem: &str, bytes: &[u8]) -> Self {
        let name: String = String::from_utf8_lossy(name).chars().take(LONGEST_NAME).collect();
        Self::new(&format!("header `{name}`"), problem, bytes)
    }
}

/// Writes the parts as one header of a few kilobytes at most. Of many parts, the last are only
/// counted.
#[must_use]
pub fn describe(parts: &[UnreadablePart]) -> String {
    let mut room = LONGEST;
    let mut kept: Vec<_> = parts
        .iter()
        .take(MOST_PARTS)
        .map_while(|part| {
            room = room.checked_sub(part.base64.len())?;
            Some(part.clone())
        })
        .collect();
    if kept.len() < parts.len() {
        let others = format!("{} others", parts.len() - kept.len());
        kept.push(UnreadablePart::new(&others, "are not kept", b""));
    }
    serde_json::to_string(&kept).unwrap_or_default()
}

pub(crate) fn sentence(header: &str) -> String {
    let parts: Vec<UnreadablePart> = serde_json::from_str(header).unwrap_or_default();
    let said = |UnreadablePart { part, problem, .. }: &UnreadablePart| match part.contains('`') {
        true => format!("{part} {problem}"),
        false => format!("`{part}` {problem}"),
    };
    let mut what = parts.iter().map(said).collect::<Vec<_>>().join(", ");
    if what.is_empty() {
        what.push_str("a property cannot be read");
    }
    format!(
        "{what}: send it again with properties that can be read; a redrive sends it without these"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_cannot_be_read_and_keeps_its_bytes() {
        let header = describe(&[
            UnreadablePart::new("app_id", "is not UTF-8", b"\xff"),
            UnreadablePart::header(b"pr\xffce", "is not UTF-8", &[0; 2000]),
        ]);
        assert!(
            header.contains(r#""base64":"/w==""#) && header.contains(r#""of":2000"#),
            "{header}"
        );
        assert_eq!(
            sentence(&header),
            "`app_id` is not UTF-8, header `pr\u{fffd}ce` is not UTF-8: send it again with properties \
             that can be read; a redrive sends it without these"
        );
    }

    #[test]
    fn stays_short_whatever_there_is() {
        let part = UnreadablePart::header(&[0xff; 255], "is not UTF-8", &[0; 2000]);
        let header = describe(&vec![part; 5000]);
        assert!(header.len() < 2 * LONGEST, "{}", header.len());
        assert!(sentence(&header).contains("others"));
    }

    #[test]
    fn every_property_fits_at_its_full_length() {
        let header =
            describe(&vec![UnreadablePart::new("app_id", "is not UTF-8", &[0xff; 255]); 11]);
        assert!(!header.contains("others"), "{header}");
    }

    #[test]
    fn a_header_that_somebody_else_wrote_is_no_fault() {
        for text in ["", "{}", "[1]", "\u{0}"] {
            assert!(sentence(text).starts_with("a property cannot be read"));
        }
    }
}
