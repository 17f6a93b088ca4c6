//! A record as one line of JSON, and back: the same properties, header types and bytes.

use ballet_amqp::headers::STREAM_OFFSET;
use ballet_amqp::{BasicProperties, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::record::Record;
use crate::recording::value::{to_json, to_table};

/// Adds the record's line to `out`.
pub fn write_line(record: &Record, out: &mut Vec<u8>) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, &Line::from(record)).is_err() {
        // Neither the names nor the values can make this fail.
        out.truncate(begin);
    }
    out.push(b'\n');
}

/// The record as JSON.
pub(crate) fn as_json(record: &Record) -> Value {
    serde_json::to_value(Line::from(record)).unwrap_or_default()
}

/// The record of a line.
pub(crate) fn read_line(line: &str) -> Result<Record, String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    line.into_record()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<jiff::Timestamp>,
    exchange: String,
    routing_key: String,
    #[serde(default)]
    properties: Properties,
    /// JSON on one line, as it is.
    #[serde(
        borrow,
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    body: Option<&'a RawValue>,
    /// Other text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_text: Option<String>,
    /// No text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// `null` is a body, too.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl<'a> From<&'a Record> for Line<'a> {
    fn from(record: &'a Record) -> Self {
        let (mut body, mut body_text, mut body_base64) = (None, None, None);
        match std::str::from_utf8(&record.body) {
            Ok(text) => match one_line(text) {
                Some(json) => body = Some(json),
                None => body_text = Some(text.to_owned()),
            },
            Err(_) => body_base64 = Some(STANDARD.encode(&record.body)),
        }
        Self {
            offset: record.offset,
            time: record.time,
            exchange: record.exchange.clone(),
            routing_key: record.routing_key.clone(),
            properties: Properties::of(&record.properties),
            body,
            body_text,
            body_base64,
        }
    }
}

/// The text as JSON, if it is some and the same bytes come back.
fn one_line(text: &str) -> Option<&RawValue> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    let json: &RawValue = serde_json::from_str(text).ok()?;
    // Blanks around it would be lost.
    (json.get().len() == text.len()).then_some(json)
}

impl Line<'_> {
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

/// All properties of AMQP 0-9-1 by their names there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Properties {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_mode: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) headers: Option<Map<String, Value>>,
    /// Headers that are nested too deep for a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "names")]
    pub(crate) left_out_headers: Vec<String>,
}

fn names<S: Serializer>(names: &[String], to: S) -> Result<S::Ok, S::Error> {
    names.serialize(to)
}

impl Properties {
    fn of(from: &BasicProperties) -> Self {
        let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
        let mut headers = None;
        let mut left_out_headers = Vec::new();
        if let Some(table) = from.headers() {
            let mut map = Map::new();
            for (name, value) in table.inner() {
                // The broker writes the offset when it delivers.
                if name.as_str() == STREAM_OFFSET {
                    continue;
                }
                match to_json(value) {
                    Some(json) => drop(map.insert(name.to_string(), json)),
                    None => left_out_headers.push(name.to_string()),
                }
            }
            headers = Some(map);
        }
        Self {
            message_id: text(from.message_id()),
            kind: text(from.kind()),
            correlation_id: text(from.correlation_id()),
            app_id: text(from.app_id()),
            timestamp: *from.timestamp(),
            content_type: text(from.content_type()),
            content_encoding: text(from.content_encoding()),
            delivery_mode: *from.delivery_mode(),
            priority: *from.priority(),
            reply_to: text(from.reply_to()),
            expiration: text(from.expiration()),
            user_id: text(from.user_id()),
            cluster_id: text(from.cluster_id()),
            headers,
            left_out_headers,
        }
    }

    pub(crate) fn into_basic(self) -> Result<BasicProperties, String> {
        let mut basic = BasicProperties::default();
        let short = |name: &str, text: &str| {
            let long = |_| format!("the property `{name}` has more than 255 bytes");
            ShortString::try_new(text).map_err(long)
        };
        macro_rules! texts {
            ($($field:ident => $with:ident),+ $(,)?) => {$(
                if let Some(text) = self.$field {
                    basic = basic.$with(short(stringify!($field), &text)?);
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
            Some(headers) => Ok(basic.with_headers(to_table(&headers)?)),
            None => Ok(basic),
        }
    }
}
