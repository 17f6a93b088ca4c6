//! A message in a file: its properties and its body.

use std::borrow::Cow;

use ballet::core::Incoming;
use ballet::core::cloud_event::Attributes;
use ballet::core::envelope::HeaderSize;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub(crate) struct FileMessage<'a> {
    r#type: Option<String>,
    message_id: Option<String>,
    correlation_id: Option<String>,
    app_id: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    headers: Option<Map<String, Value>>,
    /// A JSON string holds the body's text.
    #[serde(borrow, rename = "body")]
    raw: Option<&'a RawValue>,
    #[serde(skip)]
    body: Cow<'a, [u8]>,
}

impl<'a> FileMessage<'a> {
    /// The error says why it cannot be a message.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, String> {
        let mut message: Self = serde_json::from_slice(text).map_err(|error| wrong(&error))?;
        let Some(raw) = message.raw else {
            return Err(
                "it has no `body`: if this is a bare body, name its event with --type".to_owned()
            );
        };
        message.body = match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Cow::Owned(text.into_bytes()),
            Err(_) => Cow::Borrowed(raw.get().as_bytes()),
        };
        Ok(message)
    }

    pub(crate) fn headers(&self) -> Option<&Map<String, Value>> {
        self.headers.as_ref()
    }

    pub(crate) fn incoming(&self) -> Incoming<'_> {
        let headers = &self.headers;
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
            event_type: self.r#type.as_deref(),
            message_id: self.message_id.as_deref(),
            correlation_id: self.correlation_id.as_deref(),
            app_id: self.app_id.as_deref(),
            content_type: self.content_type.as_deref(),
            content_encoding: self.content_encoding.as_deref(),
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
