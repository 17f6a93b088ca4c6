//! Content headers: the properties of one message.

use ballet_core::envelope::unreadable::{UnreadablePart, describe};

use crate::headers::names::ORIGINAL_BYTES;
use crate::rabbitmq::frames::cursor::Cursor;
use crate::rabbitmq::frames::table::{PartProblem, TableHeader, table_problem};

/// Class, weight and the size of the body.
const START: usize = 12;
/// The place of the headers among the properties.
const HEADERS: usize = 2;
/// The bytes that a header of ours takes besides its name and its text: two lengths and the type.
const HEADER_OVERHEAD: usize = 6;
const TOO_LONG: &str = "do not fit into a frame";

#[derive(Debug, Clone, Copy)]
enum PropertyForm {
    Text,
    Table,
    Octet,
    Time,
}

/// The properties in the order in which they are encoded.
const PROPERTIES: [(&str, PropertyForm); 14] = [
    ("content_type", PropertyForm::Text),
    ("content_encoding", PropertyForm::Text),
    ("headers", PropertyForm::Table),
    ("delivery_mode", PropertyForm::Octet),
    ("priority", PropertyForm::Octet),
    ("correlation_id", PropertyForm::Text),
    ("reply_to", PropertyForm::Text),
    ("expiration", PropertyForm::Text),
    ("message_id", PropertyForm::Text),
    ("timestamp", PropertyForm::Time),
    ("type", PropertyForm::Text),
    ("user_id", PropertyForm::Text),
    ("app_id", PropertyForm::Text),
    ("cluster_id", PropertyForm::Text),
];

const fn flag(place: usize) -> u16 {
    0x8000 >> place
}

/// Returns true if lapin can parse the payload of a content header.
pub(super) fn is_sound(payload: &[u8]) -> bool {
    fn problem(payload: &[u8]) -> Option<PartProblem> {
        let malformed = Some(PartProblem::Malformed);
        let mut cursor = Cursor(payload);
        let Some(flags) = cursor.take(START).and_then(|_| cursor.short()) else {
            return malformed;
        };
        for (place, (_, form)) in PROPERTIES.iter().enumerate() {
            if flags & flag(place) == 0 {
                continue;
            }
            let Some(bytes) = form.read(&mut cursor) else { return malformed };
            if let Some(problem) = form.problem(bytes) {
                return Some(problem);
            }
        }
        if cursor.0.is_empty() { None } else { malformed }
    }
    problem(payload).is_none()
}

impl PropertyForm {
    /// The value, without its length.
    fn read<'a>(self, cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Text => cursor.short_text(),
            Self::Table => cursor.long_bytes(),
            Self::Octet => cursor.take(1),
            Self::Time => cursor.take(8),
        }
    }

    fn problem(self, value: &[u8]) -> Option<PartProblem> {
        match self {
            Self::Text => std::str::from_utf8(value).is_err().then_some(PartProblem::NotUtf8),
            Self::Table => table_problem(value, 0),
            Self::Octet | Self::Time => None,
        }
    }
}

/// Takes out of the payload what lapin cannot parse, and describes that and the `others` in a
/// header. Headers that do not fit into `room` bytes are taken out too. Returns `None` if this is
/// no content header.
pub(super) fn repaired(
    payload: &[u8],
    mut others: Vec<UnreadablePart>,
    room: usize,
) -> Option<Vec<u8>> {
    let mut cursor = Cursor(payload);
    let start = cursor.take(START)?;
    let flags = cursor.short()?;
    let mut readable = Readable::default();
    for (place, (name, form)) in PROPERTIES.iter().enumerate() {
        if flags & flag(place) == 0 {
            continue;
        }
        let from = cursor;
        let Some(value) = form.read(&mut cursor) else { break };
        match (form, form.problem(value)) {
            (PropertyForm::Table, _) => readable.headers = sound_headers(value, &mut others),
            (_, None) => readable.properties.push((place, cursor.since(from))),
            (_, Some(problem)) => {
                others.push(UnreadablePart::new(name, problem.text(), value));
            }
        }
    }
    if !cursor.0.is_empty() {
        others.push(UnreadablePart::new("properties", PartProblem::Malformed.text(), cursor.0));
    }
    let mut note = describe(&others);
    if readable.size(&note) > room {
        let headers = std::mem::take(&mut readable.headers);
        others.push(UnreadablePart::new("headers", TOO_LONG, &headers));
        note = describe(&others);
    }
    if readable.size(&note) > room {
        // Only with a `frame_max` that is shorter than any broker's default.
        readable = Readable::default();
        note = describe(&[UnreadablePart::new("properties", TOO_LONG, b"")]);
    }
    Some(readable.encode(start, &note))
}

/// How much of a content header is needed for [`without_properties`].
pub(super) const NEEDED: usize = START;

/// Returns a content header with nothing but a description, for one that is too long to be looked at.
pub(super) fn without_properties(
    start: &[u8],
    mut others: Vec<UnreadablePart>,
    room: usize,
) -> Vec<u8> {
    others.push(UnreadablePart::new("properties", TOO_LONG, b""));
    let (readable, note) = (Readable::default(), describe(&others));
    if readable.size(&note) <= room {
        return readable.encode(start, &note);
    }
    let note = describe(&[UnreadablePart::new("properties", TOO_LONG, b"")]);
    readable.encode(start, &note)
}

/// The headers that lapin can parse, encoded. The others are described.
fn sound_headers(table: &[u8], unreadable: &mut Vec<UnreadablePart>) -> Vec<u8> {
    let (mut sound, mut cursor) = (Vec::new(), Cursor(table));
    while !cursor.0.is_empty() {
        let from = cursor;
        let Some(header) = TableHeader::read(&mut cursor) else {
            let problem = PartProblem::Malformed.text();
            unreadable.push(UnreadablePart::new("headers", problem, from.0));
            break;
        };
        let encoded = cursor.since(from);
        match header.problem(0) {
            None => sound.extend_from_slice(encoded),
            Some(problem) => {
                unreadable.push(UnreadablePart::header(header.name, problem.text(), encoded));
            }
        }
    }
    sound
}

#[derive(Debug, Default)]
struct Readable<'a> {
    /// The properties other than headers, by their place.
    properties: Vec<(usize, &'a [u8])>,
    headers: Vec<u8>,
}

impl Readable<'_> {
    fn size(&self, note: &str) -> usize {
        let properties: usize = self.properties.iter().map(|(_, bytes)| bytes.len()).sum();
        START + 2 + properties + 4 + self.headers.len() + note_size(note)
    }

    fn encode(self, start: &[u8], note: &str) -> Vec<u8> {
        let size = self.headers.len() + note_size(note);
        let mut table = length(size).to_vec();
        table.extend(self.headers);
        table.extend(u8::try_from(ORIGINAL_BYTES.len()));
        table.extend(ORIGINAL_BYTES.as_bytes());
        table.push(b'S');
        table.extend(length(note.len()));
        table.extend(note.as_bytes());
        let mut properties: Vec<(usize, &[u8])> = self.properties;
        properties.push((HEADERS, &table));
        properties.sort_unstable_by_key(|(place, _)| *place);
        let flags: u16 = properties.iter().map(|(place, _)| flag(*place)).sum();
        let mut encoded = start.to_vec();
        encoded.extend(flags.to_be_bytes());
        for (_, bytes) in properties {
            encoded.extend_from_slice(bytes);
        }
        encoded
    }
}

fn note_size(note: &str) -> usize {
    ORIGINAL_BYTES.len() + HEADER_OVERHEAD + note.len()
}

/// A length in four octets. All of a frame is shorter than they can tell.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}
