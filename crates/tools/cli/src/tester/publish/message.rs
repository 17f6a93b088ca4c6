//! A message in a file: its properties, at the top or in `properties`, and its body.

use std::borrow::Cow;

use ballet::core::Incoming;
use ballet::core::cloud_event::Attributes;
use ballet::core::envelope::HeaderSize;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
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
    /// A JSON string holds the body's text.
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

pub(crate) struct FileMessage<'a> {
    properties: MessageProperties,
    body: Cow<'a, [u8]>,
}

impl<'a> FileMessage<'a> {
    /// The error says why it cannot be a message.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, String> {
        let fields: MessageFields<'a> =
            serde_json::from_slice(text).map_err(|error| wrong(&error))?;
        let properties = fields.properties.map_or(text, |properties| properties.get().as_bytes());
        let properties = serde_json::from_slice(properties).map_err(|error| wrong(&error))?;
        let Some(body) = fields.body else {
            return Err(
                "it has no `body`: if this is a bare body, name its event with --type".to_owned()
            );
        };
        let body = match serde_json::from_str::<String>(body.get()) {
            Ok(text) => Cow::Owned(text.into_bytes()),
            Err(_) => Cow::Borrowed(body.get().as_bytes()),
        };
        Ok(Self { properties, body })
    }

    pub(crate) fn headers(&self) -> Option<&Map<String, Value>> {
        self.properties.headers.as_ref()
    }

    pub(crate) fn incoming(&self) -> Incoming<'_> {
        let properties = &self.properties;
        let headers = &properties.headers;
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
            event_type: properties.r#type.as_deref(),
            message_id: properties.message_id.as_deref(),
            correlation_id: properties.correlation_id.as_deref(),
            app_id: properties.app_id.as_deref(),
            content_type: properties.content_type.as_deref(),
            content_encoding: properties.content_encoding.as_deref(),
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
