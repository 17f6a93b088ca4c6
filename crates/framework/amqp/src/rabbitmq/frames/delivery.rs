//! The method before a message: the names of its exchange and its routing key.

use ballet_core::envelope::unreadable::UnreadablePart;

use crate::rabbitmq::frames::cursor::Cursor;
use crate::rabbitmq::frames::table::PartProblem;

/// Class and method of Basic.Deliver.
pub(super) const DELIVER: [u8; 4] = [0, 60, 0, 60];

/// Makes the names in a Basic.Deliver readable, at their length. In a name that is not UTF-8, each
/// byte that is not ASCII becomes a question mark. Returns what they were.
pub(super) fn make_readable(payload: &mut [u8]) -> Vec<UnreadablePart> {
    let mut unreadable = Vec::new();
    let Some(names) = names(payload) else { return unreadable };
    for (what, from, to) in names {
        let Some(name) = payload.get_mut(from..to) else { continue };
        if std::str::from_utf8(name).is_err() {
            unreadable.push(UnreadablePart::new(what, PartProblem::NotUtf8.text(), name));
            for byte in name.iter_mut().filter(|byte| !byte.is_ascii()) {
                *byte = b'?';
            }
        }
    }
    unreadable
}

fn names(payload: &[u8]) -> Option<[(&'static str, usize, usize); 3]> {
    let mut cursor = Cursor(payload);
    cursor.take(DELIVER.len())?;
    let name = |what, cursor: &mut Cursor<'_>| {
        let text = cursor.short_text()?;
        let end = payload.len() - cursor.0.len();
        Some((what, end - text.len(), end))
    };
    let tag = name("consumer_tag", &mut cursor)?;
    // The delivery tag, and whether it is a redelivery.
    cursor.take(9)?;
    Some([tag, name("exchange", &mut cursor)?, name("routing_key", &mut cursor)?])
}
