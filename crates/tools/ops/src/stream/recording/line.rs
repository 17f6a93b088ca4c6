//! A record as a line of JSON, and back. The body keeps its bytes.

use std::borrow::Cow;

use ballet_amqp::BasicProperties;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::stream::record::Record;
use crate::stream::recording::properties;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<jiff::Timestamp>,
    exchange: Cow<'a, str>,
    routing_key: Cow<'a, str>,
    #[serde(default)]
    properties: Map<String, Value>,
    /// The body, if it is JSON on one line. It may be `null`, which differs from an absent one.
    #[serde(
        borrow,
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    body: Option<&'a RawValue>,
    /// The body, if it is other text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_text: Option<Cow<'a, str>>,
    /// The body, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Adds the record's line to `out`.
pub fn write_line(record: &Record, out: &mut Vec<u8>) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, &RecordLine::from(record)).is_err() {
        // No name or value makes this fail.
        out.truncate(begin);
    }
    out.push(b'\n');
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

impl<'a> From<&'a Record> for RecordLine<'a> {
    fn from(record: &'a Record) -> Self {
        let (mut body, mut body_text, mut body_base64) = (None, None, None);
        match std::str::from_utf8(&record.body) {
            Ok(text) => match one_line(text) {
                Some(json) => body = Some(json),
                None => body_text = Some(Cow::Borrowed(text)),
            },
            Err(_) => body_base64 = Some(STANDARD.encode(&record.body)),
        }
        Self {
            offset: record.offset,
            time: record.time,
            exchange: Cow::Borrowed(&record.exchange),
            routing_key: Cow::Borrowed(&record.routing_key),
            properties: properties::as_json(&record.properties),
            body,
            body_text,
            body_base64,
        }
    }
}

impl RecordLine<'_> {
    fn into_record(self) -> Result<Record, String> {
        let body = match (self.body, self.body_text, self.body_base64) {
            (Some(json), None, None) => json.get().as_bytes().to_vec(),
            (None, Some(text), None) => text.into_owned().into_bytes(),
            (None, None, Some(coded)) => STANDARD
                .decode(coded)
                .map_err(|error| format!("`body_base64` is not base64: {error}"))?,
            (None, None, None) => return Err("it has no body".to_owned()),
            _ => return Err("it has more than one body".to_owned()),
        };
        let properties: BasicProperties = properties::of_json(&self.properties)?;
        Ok(Record {
            offset: self.offset,
            time: self.time,
            exchange: self.exchange.into_owned(),
            routing_key: self.routing_key.into_owned(),
            properties,
            body,
        })
    }
}

/// Returns valid JSON that gives the same bytes back.
fn one_line(text: &str) -> Option<&RawValue> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    let json: &RawValue = serde_json::from_str(text).ok()?;
    // Surrounding blanks would be lost.
    (json.get().len() == text.len()).then_some(json)
}
