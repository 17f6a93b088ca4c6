//! Conditions on headers and on values in the message.

use std::fmt;
use std::str::FromStr;

use ballet_amqp::AMQPValue;
use ballet_amqp::headers::{integer, text};
use serde_json::Value;

use crate::stream::record::Record;
use crate::stream::recording::line::as_json;

/// A header and its value as text: `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderIs {
    name: String,
    value: String,
}

impl FromStr for HeaderIs {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        match given.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected NAME=VALUE".to_owned()),
        }
    }
}

impl fmt::Display for HeaderIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl HeaderIs {
    pub(super) fn matches(&self, record: &Record) -> bool {
        record.headers().any(|(name, value)| name == self.name && self.is(value))
    }

    fn is(&self, value: &AMQPValue) -> bool {
        match (text(value), integer(value), value) {
            (Some(text), ..) => text == self.value,
            (_, Some(number), _) => number.to_string() == self.value,
            (.., AMQPValue::Boolean(value)) => value.to_string() == self.value,
            _ => false,
        }
    }
}

/// A JSON pointer into the message, and the value there: `/body/total/currency=EUR`.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueIs {
    pointer: String,
    /// As text, and as JSON if valid.
    text: String,
    json: Option<Value>,
}

const BODY: &str = "/body";
const FIELDS: [&str; 8] =
    ["offset", "time", "exchange", "routing_key", "properties", "body", "body_text", "body_base64"];

impl FromStr for ValueIs {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let parts = given.split_once('=').and_then(|(pointer, text)| {
            Some((pointer, pointer.strip_prefix('/')?.split('/').next()?, text))
        });
        let Some((pointer, field, text)) = parts else {
            return Err("expected /PATH=VALUE, such as /body/currency=EUR".to_owned());
        };
        if !FIELDS.contains(&field) {
            let fields = FIELDS.map(|field| format!("/{field}")).join(", ");
            return Err(format!("no message has /{field}: a path begins with one of {fields}"));
        }
        let (pointer, text) = (pointer.to_owned(), text.to_owned());
        let json = serde_json::from_str(&text).ok();
        Ok(Self { pointer, text, json })
    }
}

impl fmt::Display for ValueIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.pointer, self.text)
    }
}

impl ValueIs {
    pub(super) fn matches(&self, record: &Record) -> bool {
        let in_body = self.pointer.strip_prefix(BODY);
        let in_body = in_body.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let (whole, pointer) = match in_body {
            Some(rest) => (serde_json::from_slice(&record.body).unwrap_or_default(), rest),
            None => (as_json(record), self.pointer.as_str()),
        };
        whole.pointer(pointer).is_some_and(|value| self.is(value))
    }

    fn is(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => *text == self.text,
            other => self.json.as_ref() == Some(other),
        }
    }
}
