//! A record's line for serialization, without copies.

use ballet_amqp::headers::STREAM_OFFSET;
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::stream::record::Record;
use crate::stream::recording::value::{HeaderJson, is_shallow};

/// The line of a record.
#[derive(Serialize)]
pub(super) struct RecordLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<jiff::Timestamp>,
    exchange: &'a str,
    routing_key: &'a str,
    properties: RecordProperties<'a>,
    /// The body, if it is JSON on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    /// The body, if it is other text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_text: Option<&'a str>,
    /// The body, if it is not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl<'a> From<&'a Record> for RecordLine<'a> {
    fn from(record: &'a Record) -> Self {
        let (mut body, mut body_text, mut body_base64) = (None, None, None);
        match std::str::from_utf8(&record.body) {
            Ok(text) => match one_line(text) {
                Some(json) => body = Some(json),
                None => body_text = Some(text),
            },
            Err(_) => body_base64 = Some(STANDARD.encode(&record.body)),
        }
        Self {
            offset: record.offset,
            time: record.time,
            exchange: &record.exchange,
            routing_key: &record.routing_key,
            properties: RecordProperties::of(&record.properties),
            body,
            body_text,
            body_base64,
        }
    }
}

/// Returns the text as JSON, if it is valid and gives the same bytes back.
fn one_line(text: &str) -> Option<&RawValue> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    let json: &RawValue = serde_json::from_str(text).ok()?;
    // Surrounding blanks would be lost.
    (json.get().len() == text.len()).then_some(json)
}

/// The properties of AMQP 0-9-1, by their names there.
#[derive(Serialize)]
struct RecordProperties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_mode: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<RecordHeaders<'a>>,
    /// Headers nested too deep for a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out_headers: Vec<&'a str>,
}

impl<'a> RecordProperties<'a> {
    fn of(from: &'a BasicProperties) -> Self {
        fn text(text: &Option<ShortString>) -> Option<&str> {
            text.as_ref().map(ShortString::as_str)
        }
        let headers = from.headers().as_ref().map(RecordHeaders);
        let deep =
            headers.iter().flat_map(RecordHeaders::all).filter(|(_, value)| !is_shallow(value));
        let left_out_headers = deep.map(|(name, _)| name).collect();
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
}

struct RecordHeaders<'a>(&'a FieldTable);

impl<'a> RecordHeaders<'a> {
    /// Returns the published headers. The broker adds the offset on delivery.
    fn all(&self) -> impl Iterator<Item = (&'a str, &'a AMQPValue)> + use<'a> {
        let all = self.0.inner().iter().map(|(name, value)| (name.as_str(), value));
        all.filter(|(name, _)| *name != STREAM_OFFSET)
    }
}

impl Serialize for RecordHeaders<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shallow = self.all().filter(|(_, value)| is_shallow(value));
        to.collect_map(shallow.map(|(name, value)| (name, HeaderJson(value))))
    }
}
