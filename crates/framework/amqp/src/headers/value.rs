//! Values of headers: text, integers of every width, and their size.

use ballet_core::envelope::HeaderSize;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::headers::names::{STREAM_FILTER, STREAM_PROPERTIES};

/// Upper bound for a count from a header, which any producer may have written.
const HIGHEST_COUNT: i64 = 1_000_000;

/// Returns the text of a value, or `None` if it is not text.
#[must_use]
pub fn text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Returns the number of a value, or `None` if it is not an integer. Tools choose the width by the
/// number.
#[must_use]
pub fn integer(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortShortUInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortUInt(number) => Some(i64::from(*number)),
        AMQPValue::LongInt(number) => Some(i64::from(*number)),
        AMQPValue::LongUInt(number) => Some(i64::from(*number)),
        AMQPValue::LongLongInt(number) => Some(*number),
        _ => None,
    }
}

/// Returns the text of the named header, if there is one.
#[must_use]
pub fn text_header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    text(find(properties, name)?)
}

/// Returns the number in the named header, if there is one.
#[must_use]
pub fn integer_header(properties: &BasicProperties, name: &str) -> Option<i64> {
    integer(find(properties, name)?)
}

/// Returns the count in the named header, at most a million. Returns 0 if it is absent or no count.
#[must_use]
pub fn count_header(properties: &BasicProperties, name: &str) -> u32 {
    let count = integer_header(properties, name).unwrap_or(0);
    u32::try_from(count.clamp(0, HIGHEST_COUNT)).unwrap_or(0)
}

fn find<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

/// Returns why the journal, a stream, cannot keep a header, because it refuses the message, or
/// nobody can read it afterwards. Returns `None` for any other header.
#[must_use]
pub fn unkept(name: &str, value: &AMQPValue) -> Option<&'static str> {
    match value {
        AMQPValue::DecimalValue(_) => {
            Some("it is a decimal, which a stream refuses: send it as text")
        }
        _ if name.starts_with(STREAM_PROPERTIES) => {
            Some("the broker uses the name in streams: choose another name")
        }
        _ if name == STREAM_FILTER && text(value).is_none() => {
            Some("a stream's filter has to be text")
        }
        _ => None,
    }
}

/// Adds a text header.
pub fn insert_text(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(name.into(), AMQPValue::LongString(value.into()));
}

/// Adds a header to a size. It does not recurse, since the value may be nested arbitrarily deep.
pub fn measure(size: &mut HeaderSize, name: &str, value: &AMQPValue) {
    let (mut open, mut next) = (Vec::new(), Some((name, value, 0)));
    while let Some((name, value, depth)) = next {
        size.count += 1;
        size.bytes += name.len();
        size.depth = size.depth.max(depth);
        match value {
            AMQPValue::FieldTable(table) => {
                let inner = table.inner().iter();
                open.extend(inner.map(|(name, value)| (name.as_str(), value, depth + 1)));
            }
            AMQPValue::FieldArray(list) => {
                open.extend(list.as_slice().iter().map(|value| ("", value, depth + 1)));
            }
            AMQPValue::LongString(text) => size.bytes += text.as_bytes().len(),
            AMQPValue::ByteArray(bytes) => size.bytes += bytes.as_slice().len(),
            AMQPValue::ShortString(text) => size.bytes += text.as_str().len(),
            _ => size.bytes += 8,
        }
        next = open.pop();
    }
}

/// Returns an upper bound of the size of headers as they are sent. It recurses, since delivered and
/// copied headers are not nested deep.
#[must_use]
pub fn encoded_size(headers: &FieldTable) -> usize {
    let headers = headers.inner().iter();
    headers.map(|(name, value)| encoded_entry_size(name.as_str(), value)).sum()
}

pub(super) fn encoded_entry_size(name: &str, value: &AMQPValue) -> usize {
    name.len() + 2 + encoded_value_size(value)
}

fn encoded_value_size(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::LongString(text) => text.len() + 4,
        AMQPValue::ByteArray(bytes) => bytes.len() + 4,
        AMQPValue::FieldTable(table) => encoded_size(table) + 4,
        AMQPValue::FieldArray(array) => {
            array.as_slice().iter().map(|value| encoded_value_size(value) + 1).sum::<usize>() + 4
        }
        _ => 8,
    }
}

pub(super) fn depth(value: &AMQPValue) -> usize {
    let mut size = HeaderSize::default();
    measure(&mut size, "", value);
    size.depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_whatever_width_a_tool_gave_it() {
        for value in [
            AMQPValue::ShortShortInt(3),
            AMQPValue::ShortShortUInt(3),
            AMQPValue::ShortInt(3),
            AMQPValue::ShortUInt(3),
            AMQPValue::LongInt(3),
            AMQPValue::LongUInt(3),
            AMQPValue::LongLongInt(3),
        ] {
            let mut headers = FieldTable::default();
            headers.insert("x-attempts".into(), value.clone());
            let properties = BasicProperties::default().with_headers(headers);
            assert_eq!(count_header(&properties, "x-attempts"), 3, "{value:?}");
        }
    }

    #[test]
    fn what_is_no_count_counts_as_none() {
        for (value, count) in [
            (AMQPValue::LongInt(-1), 0),
            (AMQPValue::LongLongInt(i64::MAX), 1_000_000),
            (AMQPValue::LongString("7".into()), 0),
            (AMQPValue::Double(7.0), 0),
        ] {
            let mut headers = FieldTable::default();
            headers.insert("x-attempts".into(), value.clone());
            let properties = BasicProperties::default().with_headers(headers);
            assert_eq!(count_header(&properties, "x-attempts"), count, "{value:?}");
        }
        assert_eq!(count_header(&BasicProperties::default(), "x-attempts"), 0);
    }
}
