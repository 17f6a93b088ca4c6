//! AMQP's header values as JSON, and back. Whole numbers, texts, lists and tables are plain, whatever their width in
//! AMQP. Bytes that are no text are a table with the name `base64`.

use ballet_amqp::headers::STREAM_OFFSET;
use ballet_amqp::{AMQPValue, FieldArray, FieldTable, ShortString};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// A JSON reader stops at 128 levels. Beyond this depth a sentence stands for a value.
const DEEPEST: usize = 32;
const BYTES: &str = "base64";

/// Returns the published headers. The broker adds the offset on delivery.
pub(crate) fn headers_as_json(headers: &FieldTable) -> Map<String, Value> {
    let mut json = table_as_json(headers, DEEPEST);
    json.remove(STREAM_OFFSET);
    json
}

fn table_as_json(table: &FieldTable, deepest: usize) -> Map<String, Value> {
    let entries = table.inner().iter();
    entries.map(|(name, value)| (name.to_string(), as_json(value, deepest))).collect()
}

fn as_json(value: &AMQPValue, deepest: usize) -> Value {
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
            Err(_) => bytes_as_json(value.as_bytes()),
        },
        AMQPValue::ByteArray(value) => bytes_as_json(value.as_slice()),
        AMQPValue::FieldArray(values) => {
            values.as_slice().iter().map(|value| as_json(value, deepest - 1)).collect()
        }
        AMQPValue::FieldTable(inner) => Value::Object(table_as_json(inner, deepest - 1)),
        AMQPValue::Timestamp(seconds) => {
            let at = i64::try_from(*seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
            at.map_or_else(|| json!(seconds), |at| json!(at.to_string()))
        }
        AMQPValue::DecimalValue(value) => json!(format!("{value:?}")),
        AMQPValue::Void => Value::Null,
    }
}

fn bytes_as_json(bytes: &[u8]) -> Value {
    json!({ BYTES: STANDARD.encode(bytes) })
}

pub(super) fn table_of_json(json: &Map<String, Value>) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in json {
        let short = ShortString::try_new(name.as_str());
        let long = |_| format!("the header `{name:.40}...` has a name of more than 255 bytes");
        table.insert(short.map_err(long)?, of_json(value)?);
    }
    Ok(table)
}

fn of_json(json: &Value) -> Result<AMQPValue, String> {
    Ok(match json {
        Value::Null => AMQPValue::Void,
        Value::Bool(value) => AMQPValue::Boolean(*value),
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => AMQPValue::LongLongInt(number),
            (None, Some(number)) => AMQPValue::Double(number),
            (None, None) => return Err(format!("{number} is out of range")),
        },
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(of_json).collect::<Result<_, _>>()?;
            AMQPValue::FieldArray(FieldArray::from(values))
        }
        Value::Object(table) => match table.get(BYTES).and_then(Value::as_str) {
            Some(coded) if table.len() == 1 => {
                let bytes = STANDARD.decode(coded);
                let bytes = bytes.map_err(|error| format!("a header is not base64: {error}"))?;
                AMQPValue::LongString(bytes.into())
            }
            _ => AMQPValue::FieldTable(table_of_json(table)?),
        },
    })
}
