//! A message in a file: its properties, at the top or in `properties`, and its body, or RabbitMQ's management API form.

use std::borrow::Cow;

use ballet::core::Incoming;
use ballet::core::cloud_event::Attributes;
use ballet::core::envelope::HeaderSize;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

#[derive(Debug, Default, Deserialize)]
struct MessageProperties {
    r#type: Option<String>,
    message_id: Option<String>,
    correlation_id: Option<String>,
    app_id: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    headers: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct MessageFields<'a> {
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    exchange: Option<String>,
    routing_key: Option<String>,
    /// A JSON string holds the body's text.
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    /// The body's text in the management API.
    payload: Option<String>,
    payload_encoding: Option<String>,
}

pub(crate) struct FileMessage<'a> {
    properties: MessageProperties,
    exchange: String,
    routing_key: String,
    body: Cow<'a, [u8]>,
}

impl<'a> FileMessage<'a> {
    /// The error says why it cannot be a message.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, String> {
        let rest: MessageFields<'a> =
            serde_json::from_slice(text).map_err(|error| wrong(&error))?;
        let properties = rest.properties.map_or(text, |properties| properties.get().as_bytes());
        let properties: MessageProperties =
            serde_json::from_slice(properties).map_err(|error| wrong(&error))?;
        let body = match (rest.body, rest.payload) {
            (Some(body), None) => match serde_json::from_str::<String>(body.get()) {
                Ok(text) => Cow::Owned(text.into_bytes()),
                Err(_) => Cow::Borrowed(body.get().as_bytes()),
            },
            (None, Some(text)) if rest.payload_encoding.as_deref() == Some("base64") => {
                let body = STANDARD.decode(text);
                Cow::Owned(body.map_err(|error| format!("`payload` is not base64: {error}"))?)
            }
            (None, Some(text)) => Cow::Owned(text.into_bytes()),
            (Some(_), Some(_)) => return Err("it has both `body` and `payload`".to_owned()),
            (None, None) => {
                return Err("it has no `body`: if this is a bare body, name its event with \
                            --type"
                    .to_owned());
            }
        };
        let (exchange, routing_key) =
            (rest.exchange.unwrap_or_default(), rest.routing_key.unwrap_or_default());
        Ok(Self { properties, exchange, routing_key, body })
    }

    pub(crate) fn headers(&self) -> Option<&Map<String, Value>> {
        self.properties.headers.as_ref()
    }

    pub(crate) fn incoming(&self) -> Incoming<'_> {
        let MessageProperties { headers, .. } = &self.properties;
        let mut attributes = Attributes::default();
        let mut size = HeaderSize::default();
        for (name, value) in headers.iter().flatten() {
            if let (Some(attribute), Some(value)) = (Attributes::name(name), value.as_str()) {
                attributes.add(attribute, value);
            }
            measure(name, value, 1, &mut size);
        }
        let has = |name: &str| headers.as_ref().is_some_and(|headers| headers.contains_key(name));
        Incoming {
            exchange: &self.exchange,
            routing_key: &self.routing_key,
            event_type: self.properties.r#type.as_deref(),
            message_id: self.properties.message_id.as_deref(),
            correlation_id: self.properties.correlation_id.as_deref(),
            app_id: self.properties.app_id.as_deref(),
            content_type: self.properties.content_type.as_deref(),
            content_encoding: self.properties.content_encoding.as_deref(),
            attributes,
            headers: size,
            carbon_copy: has("CC"),
            body: &self.body,
            ..Incoming::default()
        }
    }
}

/// Together with nested ones.
fn measure(name: &str, value: &Value, depth: usize, size: &mut HeaderSize) {
    size.count += 1;
    size.bytes += name.len();
    size.depth = size.depth.max(depth);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| measure(name, value, depth + 1, size));
        }
        Value::Array(items) => items.iter().for_each(|item| measure("", item, depth + 1, size)),
        Value::String(text) => size.bytes += text.len(),
        other => size.bytes += other.to_string().len(),
    }
}

fn wrong(error: &serde_json::Error) -> String {
    if error.is_data() {
        return format!(
            "a message is an object with `type`, `message_id`, `app_id` and `body`: {error}"
        );
    }
    format!("it is not JSON: {error}")
}
