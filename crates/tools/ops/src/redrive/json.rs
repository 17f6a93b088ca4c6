//! Dead letters as JSON.

use ballet_amqp::{AMQPValue, FieldTable};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::redrive::dead_letter::DeadLetter;
use crate::stream::recording::record_line::properties_as_json;

/// The depth of shown headers. JSON parsers have limits, too.
const DEEPEST: usize = 32;

/// Returns the whole dead letter. `body` is exact text; other bodies are in `body_base64`.
#[must_use]
pub fn full(dead_letter: &DeadLetter) -> Value {
    let mut json = summary(dead_letter);
    json["properties"] = properties(dead_letter);
    json["headers"] = headers(dead_letter.properties.headers().as_ref());
    match dead_letter.text() {
        Some(text) => json["body"] = json!(text),
        None => json["body_base64"] = json!(BASE64_STANDARD.encode(&dead_letter.body)),
    }
    json
}

/// Returns the dead letter without its properties, headers and body.
#[must_use]
pub fn summary(dead_letter: &DeadLetter) -> Value {
    let DeadLetter { service, reason, step, detail, attempts, redrives, .. } = dead_letter;
    json!({
        "service": service, "id": dead_letter.id.to_string(), "type": dead_letter.event_type,
        "saga": dead_letter.saga, "reason": reason, "step": step, "detail": detail,
        "dead_at": dead_letter.dead_at.map(|at| at.to_string()), "attempts": attempts,
        "redrives": redrives, "exchange": dead_letter.exchange,
        "routing_key": dead_letter.routing_key,
    })
}

/// Returns its properties, without the headers.
#[must_use]
pub fn properties(dead_letter: &DeadLetter) -> Value {
    properties_as_json(&dead_letter.properties)
}

/// Returns headers as an object.
#[must_use]
pub fn headers(headers: Option<&FieldTable>) -> Value {
    headers.map_or_else(|| json!({}), |headers| table(headers, DEEPEST))
}

fn table(table: &FieldTable, deepest: usize) -> Value {
    let entries = table.inner().iter();
    Value::Object(entries.map(|(name, value)| (name.to_string(), plain(value, deepest))).collect())
}

fn plain(value: &AMQPValue, deepest: usize) -> Value {
    match value {
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) if deepest == 0 => {
            json!("nested too deep to be shown")
        }
        AMQPValue::Boolean(value) => json!(value),
        AMQPValue::ShortShortInt(value) => json!(value),
        AMQPValue::ShortShortUInt(value) => json!(value),
        AMQPValue::ShortInt(value) => json!(value),
        AMQPValue::ShortUInt(value) => json!(value),
        AMQPValue::LongInt(value) => json!(value),
        AMQPValue::LongUInt(value) => json!(value),
        AMQPValue::LongLongInt(value) => json!(value),
        AMQPValue::Float(value) => json!(value),
        AMQPValue::Double(value) => json!(value),
        AMQPValue::ShortString(value) => json!(value.as_str()),
        AMQPValue::LongString(value) => match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => json!(text),
            Err(_) => json!({ "base64": BASE64_STANDARD.encode(value.as_bytes()) }),
        },
        AMQPValue::ByteArray(value) => {
            json!({ "base64": BASE64_STANDARD.encode(value.as_slice()) })
        }
        AMQPValue::FieldArray(values) => {
            values.as_slice().iter().map(|value| plain(value, deepest - 1)).collect()
        }
        AMQPValue::FieldTable(inner) => table(inner, deepest - 1),
        AMQPValue::Timestamp(seconds) => {
            let at = i64::try_from(*seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
            at.map_or_else(|| json!(seconds), |at| json!(at.to_string()))
        }
        AMQPValue::DecimalValue(value) => json!(format!("{value:?}")),
        AMQPValue::Void => Value::Null,
    }
}
