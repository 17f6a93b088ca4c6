//! Converts a record to one line of JSON and back: with the same properties, header types and bytes.

use std::borrow::Cow;

use ballet_amqp::{BasicProperties, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::stream::record::Record;
use crate::stream::recording::record_line::RecordLine;
use crate::stream::recording::value::ParsedHeaders;

/// Adds the record's line to `out`.
pub fn write_line(record: &Record, out: &mut Vec<u8>) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, &RecordLine::from(record)).is_err() {
        // No name or value can make this fail.
        out.truncate(begin);
    }
    out.push(b'\n');
}

/// Returns the record as JSON.
pub(crate) fn as_json(record: &Record) -> Value {
    serde_json::to_value(RecordLine::from(record)).unwrap_or_default()
}

/// Parses the record of a line.
pub(crate) fn read_line(line: &str) -> Result<Record, String> {
    let line: ParsedLine<'_> = serde_json::from_str(line).map_err(|error| {
        let (said, column) = (error.to_string(), error.column());
        // The line number in the error counts within this text.
        let what = said.split(" at line ").next().unwrap_or_default();
        format!("{what} (column {column})")
    })?;
    line.into_record()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParsedLine<'a> {
    offset: Option<u64>,
    time: Option<jiff::Timestamp>,
    exchange: String,
    routing_key: String,
    #[serde(borrow, default)]
    properties: ParsedProperties<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    body: Option<&'a RawValue>,
    body_text: Option<String>,
    body_base64: Option<String>,
}

/// Reads a body that may be `null`, which differs from an absent one.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl ParsedLine<'_> {
    fn into_record(self) -> Result<Record, String> {
        let body = match (self.body, self.body_text, self.body_base64) {
            (Some(json), None, None) => json.get().as_bytes().to_vec(),
            (None, Some(text), None) => text.into_bytes(),
            (None, None, Some(coded)) => STANDARD
                .decode(coded)
                .map_err(|error| format!("`body_base64` is not base64: {error}"))?,
            (None, None, None) => return Err("it has no body".to_owned()),
            _ => return Err("it has more than one body".to_owned()),
        };
        Ok(Record {
            offset: self.offset,
            time: self.time,
            exchange: self.exchange,
            routing_key: self.routing_key,
            properties: self.properties.into_basic()?,
            body,
        })
    }
}

/// The properties of AMQP 0-9-1, by their names there.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ParsedProperties<'a> {
    #[serde(borrow)]
    message_id: Option<ParsedText<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<ParsedText<'a>>,
    #[serde(borrow)]
    correlation_id: Option<ParsedText<'a>>,
    #[serde(borrow)]
    app_id: Option<ParsedText<'a>>,
    timestamp: Option<u64>,
    #[serde(borrow)]
    content_type: Option<ParsedText<'a>>,
    #[serde(borrow)]
    content_encoding: Option<ParsedText<'a>>,
    delivery_mode: Option<u8>,
    priority: Option<u8>,
    #[serde(borrow)]
    reply_to: Option<ParsedText<'a>>,
    #[serde(borrow)]
    expiration: Option<ParsedText<'a>>,
    #[serde(borrow)]
    user_id: Option<ParsedText<'a>>,
    #[serde(borrow)]
    cluster_id: Option<ParsedText<'a>>,
    #[serde(borrow)]
    headers: Option<ParsedHeaders<'a>>,
    /// Headers nested too deep for a line, which are only for people.
    left_out_headers: IgnoredAny,
}

/// Text in a line, copied only if something in it is escaped.
#[derive(Debug, Deserialize)]
struct ParsedText<'a>(#[serde(borrow)] Cow<'a, str>);

impl ParsedProperties<'_> {
    fn into_basic(self) -> Result<BasicProperties, String> {
        let mut basic = BasicProperties::default();
        let short = |name: &str, text: &str| {
            let long = |_| format!("the property `{name}` has more than 255 bytes");
            ShortString::try_new(text).map_err(long)
        };
        macro_rules! texts {
            ($($field:ident => $with:ident),+ $(,)?) => {$(
                if let Some(text) = self.$field {
                    basic = basic.$with(short(stringify!($field), &text.0)?);
                }
            )+};
        }
        macro_rules! numbers {
            ($($field:ident => $with:ident),+ $(,)?) => {$(
                if let Some(number) = self.$field {
                    basic = basic.$with(number);
                }
            )+};
        }
        texts!(
            message_id => with_message_id,
            kind => with_type,
            correlation_id => with_correlation_id,
            app_id => with_app_id,
            content_type => with_content_type,
            content_encoding => with_content_encoding,
            reply_to => with_reply_to,
            expiration => with_expiration,
            user_id => with_user_id,
            cluster_id => with_cluster_id,
        );
        numbers!(
            timestamp => with_timestamp,
            delivery_mode => with_delivery_mode,
            priority => with_priority,
        );
        match self.headers {
            Some(headers) => Ok(basic.with_headers(headers.into_table()?)),
            None => Ok(basic),
        }
    }
}
