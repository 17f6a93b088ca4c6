//! Converts a record to a line of JSON and back, with the same properties, header types and bytes.

use serde_json::Value;

use crate::stream::record::Record;
use crate::stream::recording::record_line::RecordLine;

/// Adds the record's line to `out`.
pub fn write_line(record: &Record, out: &mut Vec<u8>) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, &RecordLine::from(record)).is_err() {
        // No name or value makes this fail.
        out.truncate(begin);
    }
    out.push(b'\n');
}

pub(crate) fn as_json(record: &Record) -> Value {
    serde_json::to_value(RecordLine::from(record)).unwrap_or_default()
}

pub(crate) fn read_line(line: &str) -> Result<Record, String> {
    let line: RecordLine<'_> = serde_json::from_str(line).map_err(|error| {
        let (said, column) = (error.to_string(), error.column());
        // The error's line number counts within this text.
        let what = said.split(" at line ").next().unwrap_or_default();
        format!("{what} (column {column})")
    })?;
    line.into_record()
}
