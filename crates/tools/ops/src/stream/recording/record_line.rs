//! A record's line, written and read without copies.

use std::borrow::Cow;

use ballet_amqp::{BasicProperties, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::stream::record::Record;
use crate::stream::recording::value::{Headers, Text, is_shallow};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<jiff::Timestamp>,
    #[serde(borrow)]
    exchange: Text<'a>,
    #[serde(borrow)]
    routing_key: Text<'a>,
    #[serde(borrow, default)]
    properties: RecordProperties<'a>,
    /// The body, if it is JSON on one line. It may be `null`, which differs from an absent one.
    #[serde(
        borrow,
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    body: Option<&'a RawValue>,
    /// The body, if it is other text.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    body_text: Option<Text<'a>>,
    /// The body, if it is not text.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    body_base64: Option<Text<'a>>,
}

impl<'a> From<&'a Record> for RecordLine<'a> {
    fn from(record: &'a Record) -> Self {
        let (mut body, mut body_text, mut body_base64) = (None, None, None);
        match std::str::from_utf8(&record.body) {
            Ok(text) => match one_line(text) {
                Some(json) => body = Some(json),
                None => body_text = Some(Text::from(text)),
            },
            Err(_) => body_base64 = Some(Text(Cow::Owned(STANDARD.encode(&record.body)))),
        }
        Self {
            offset: record.offset,
            time: record.time,
            exchange: Text::from(&*record.exchange),
            routing_key: Text::from(&*record.routing_key),
            properties: RecordProperties::of(&record.properties),
            body,
            body_text,
            body_base64,
        }
    }
}

impl RecordLine<'_> {
    pub(super) fn into_record(self) -> Result<Record, String> {
        let body = match (self.body, self.body_text, self.body_base64) {
            (Some(json), None, None) => json.get().as_bytes().to_vec(),
            (None, Some(text), None) => text.0.into_owned().into_bytes(),
            (None, None, Some(coded)) => STANDARD
                .decode(&*coded.0)
                .map_err(|error| format!("`body_base64` is not base64: {error}"))?,
            (None, None, None) => return Err("it has no body".to_owned()),
            _ => return Err("it has more than one body".to_owned()),
        };
        Ok(Record {
            offset: self.offset,
            time: self.time,
            exchange: self.exchange.0.into_owned(),
            routing_key: self.routing_key.0.into_owned(),
            properties: self.properties.into_basic()?,
            body,
        })
    }
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
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

pub(crate) fn properties_as_json(properties: &BasicProperties) -> Value {
    let all = RecordProperties::of(properties);
    let shown = RecordProperties { headers: None, left_out_headers: Vec::new(), ..all };
    serde_json::to_value(shown).unwrap_or_default()
}

/// The properties of AMQP 0-9-1, by their names there.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RecordProperties<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    message_id: Option<Text<'a>>,
    #[serde(borrow, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    app_id: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    content_type: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    content_encoding: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_mode: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    expiration: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    user_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cluster_id: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    headers: Option<Headers<'a>>,
    /// Headers nested too deep for a line.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    left_out_headers: Vec<Text<'a>>,
}

impl<'a> RecordProperties<'a> {
    fn of(from: &'a BasicProperties) -> Self {
        fn text(text: &Option<ShortString>) -> Option<Text<'_>> {
            text.as_ref().map(|text| Text::from(text.as_str()))
        }
        let headers = from.headers().as_ref().map(|table| Headers(Cow::Borrowed(table)));
        let deep = headers.iter().flat_map(Headers::all).filter(|(_, value)| !is_shallow(value));
        let left_out_headers = deep.map(|(name, _)| Text(Cow::Owned(name.to_owned()))).collect();
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
        Ok(match self.headers {
            Some(headers) => basic.with_headers(headers.0.into_owned()),
            None => basic,
        })
    }
}
