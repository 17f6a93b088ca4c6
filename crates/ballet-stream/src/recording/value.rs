//! AMQP's header values as JSON. What JSON says by itself is plain: text, `true`, `null`, numbers of the
//! widths that are usual, lists and tables. Any other type is a table with one name, `$` and the type.

use ballet_amqp::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Headers may be nested this deep. A JSON reader stops at 128, and a tag may be around each value.
const DEEPEST: usize = 40;

/// A header's value as JSON; `None` if it is nested too deep.
pub(crate) fn to_json(value: &AMQPValue) -> Option<Value> {
    encode(value, 0)
}

fn encode(value: &AMQPValue, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    Some(match value {
        AMQPValue::Void => Value::Null,
        AMQPValue::Boolean(value) => json!(value),
        AMQPValue::LongInt(value) => json!(value),
        AMQPValue::Double(value) if value.is_finite() => json!(value),
        AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => json!(text),
            Err(_) => json!({ "$text": STANDARD.encode(text.as_bytes()) }),
        },
        AMQPValue::FieldArray(values) => {
            let values = values.as_slice().iter().map(|value| encode(value, depth + 1));
            Value::Array(values.collect::<Option<_>>()?)
        }
        AMQPValue::FieldTable(table) => {
            let all = table.inner().iter();
            let all = all.map(|(name, value)| Some((name.to_string(), encode(value, depth + 1)?)));
            let table: Map<_, _> = all.collect::<Option<_>>()?;
            // A table that looks like a tag.
            if tag(&table).is_some() { json!({ "$table": table }) } else { Value::Object(table) }
        }
        AMQPValue::ShortShortInt(value) => json!({ "$i8": value }),
        AMQPValue::ShortShortUInt(value) => json!({ "$u8": value }),
        AMQPValue::ShortInt(value) => json!({ "$i16": value }),
        AMQPValue::ShortUInt(value) => json!({ "$u16": value }),
        AMQPValue::LongUInt(value) => json!({ "$u32": value }),
        AMQPValue::LongLongInt(value) => json!({ "$i64": value }),
        // The bits: JSON has no infinity, and a float is no double.
        AMQPValue::Float(value) => json!({ "$float_bits": value.to_bits() }),
        AMQPValue::Double(value) => json!({ "$double_bits": value.to_bits() }),
        AMQPValue::DecimalValue(value) => json!({ "$decimal": [value.scale, value.value] }),
        AMQPValue::ShortString(text) => json!({ "$short_text": text.as_str() }),
        AMQPValue::ByteArray(bytes) => json!({ "$bytes": STANDARD.encode(bytes.as_slice()) }),
        AMQPValue::Timestamp(seconds) => json!({ "$timestamp": seconds }),
    })
}

/// The header's value that became this JSON.
pub(crate) fn from_json(json: &Value) -> Result<AMQPValue, String> {
    Ok(match json {
        Value::Null => AMQPValue::Void,
        Value::Bool(value) => AMQPValue::Boolean(*value),
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // What a person or another tool has written may need more room.
            (Some(number), _) => {
                i32::try_from(number).map_or(AMQPValue::LongLongInt(number), AMQPValue::LongInt)
            }
            (None, Some(number)) => AMQPValue::Double(number),
            (None, None) => return Err(format!("{number} is out of range")),
        },
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(from_json).collect::<Result<_, _>>()?;
            AMQPValue::FieldArray(FieldArray::from(values))
        }
        Value::Object(table) => match tag(table) {
            Some(("$table", Value::Object(table))) => AMQPValue::FieldTable(to_table(table)?),
            Some((tag, value)) => tagged(tag, value)
                .ok_or_else(|| format!("{{\"{tag}\": {value}}} is no value of a header"))?,
            None => AMQPValue::FieldTable(to_table(table)?),
        },
    })
}

/// A table of headers.
pub(crate) fn to_table(json: &Map<String, Value>) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in json {
        if name.len() > 255 {
            return Err(format!("the header `{name:.40}...` has a name of more than 255 bytes"));
        }
        table.insert(name.as_str().into(), from_json(value)?);
    }
    Ok(table)
}

/// The only entry of a table, if its name begins with `$`.
fn tag(table: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = table.iter();
    let (name, value) = entries.next().filter(|(name, _)| name.starts_with('$'))?;
    entries.next().is_none().then_some((name.as_str(), value))
}

fn tagged(tag: &str, value: &Value) -> Option<AMQPValue> {
    let bytes = || STANDARD.decode(value.as_str()?).ok();
    Some(match tag {
        "$text" => AMQPValue::LongString(LongString::from(bytes()?)),
        "$i8" => AMQPValue::ShortShortInt(i8::try_from(value.as_i64()?).ok()?),
        "$u8" => AMQPValue::ShortShortUInt(u8::try_from(value.as_u64()?).ok()?),
        "$i16" => AMQPValue::ShortInt(i16::try_from(value.as_i64()?).ok()?),
        "$u16" => AMQPValue::ShortUInt(u16::try_from(value.as_u64()?).ok()?),
        "$u32" => AMQPValue::LongUInt(u32::try_from(value.as_u64()?).ok()?),
        "$i64" => AMQPValue::LongLongInt(value.as_i64()?),
        "$float_bits" => AMQPValue::Float(f32::from_bits(u32::try_from(value.as_u64()?).ok()?)),
        "$double_bits" => AMQPValue::Double(f64::from_bits(value.as_u64()?)),
        "$decimal" => {
            let (scale, value) = (value.get(0)?.as_u64()?, value.get(1)?.as_u64()?);
            AMQPValue::DecimalValue(DecimalValue {
                scale: u8::try_from(scale).ok()?,
                value: u32::try_from(value).ok()?,
            })
        }
        "$short_text" => AMQPValue::ShortString(ShortString::try_new(value.as_str()?).ok()?),
        "$bytes" => AMQPValue::ByteArray(bytes()?.into()),
        "$timestamp" => AMQPValue::Timestamp(value.as_u64()?),
        _ => return None,
    })
}
