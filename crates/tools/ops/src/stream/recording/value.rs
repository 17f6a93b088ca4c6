//! AMQP's header values as JSON. Text, `true`, `null`, numbers of the common widths, lists and tables are plain. Any
//! other type is a table with one name: `$` and the type.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ballet_amqp::headers::STREAM_OFFSET;
use ballet_amqp::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A JSON reader stops at 128 levels, and a tag may be around each value.
const DEEPEST: usize = 40;

pub(super) fn is_shallow(value: &AMQPValue) -> bool {
    fn is_within(value: &AMQPValue, depth: usize) -> bool {
        depth <= DEEPEST
            && match value {
                AMQPValue::FieldArray(values) => {
                    values.as_slice().iter().all(|value| is_within(value, depth + 1))
                }
                AMQPValue::FieldTable(table) => {
                    table.inner().values().all(|value| is_within(value, depth + 1))
                }
                _ => true,
            }
    }
    is_within(value, 0)
}

struct HeaderJson<'a>(&'a AMQPValue);

impl Serialize for HeaderJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AMQPValue::Void => to.serialize_unit(),
            AMQPValue::Boolean(value) => to.serialize_bool(*value),
            AMQPValue::LongInt(value) => to.serialize_i32(*value),
            AMQPValue::Double(value) if value.is_finite() => to.serialize_f64(*value),
            AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
                Ok(text) => to.serialize_str(text),
                Err(_) => tagged_as(to, "$text", &STANDARD.encode(text.as_bytes())),
            },
            AMQPValue::FieldArray(values) => {
                to.collect_seq(values.as_slice().iter().map(HeaderJson))
            }
            // A table that looks like a tag gets a tag.
            AMQPValue::FieldTable(table) => {
                let entries = table.inner().iter().map(|(name, value)| (name.as_str(), value));
                match tag(entries) {
                    Some(_) => tagged_as(to, "$table", &TableJson(table)),
                    None => TableJson(table).serialize(to),
                }
            }
            AMQPValue::ShortShortInt(value) => tagged_as(to, "$i8", value),
            AMQPValue::ShortShortUInt(value) => tagged_as(to, "$u8", value),
            AMQPValue::ShortInt(value) => tagged_as(to, "$i16", value),
            AMQPValue::ShortUInt(value) => tagged_as(to, "$u16", value),
            AMQPValue::LongUInt(value) => tagged_as(to, "$u32", value),
            AMQPValue::LongLongInt(value) => tagged_as(to, "$i64", value),
            // As bits, because JSON has no infinity, and a float is not a double.
            AMQPValue::Float(value) => tagged_as(to, "$float_bits", &value.to_bits()),
            AMQPValue::Double(value) => tagged_as(to, "$double_bits", &value.to_bits()),
            AMQPValue::DecimalValue(value) => {
                tagged_as(to, "$decimal", &(value.scale, value.value))
            }
            AMQPValue::ShortString(text) => tagged_as(to, "$short_text", text.as_str()),
            AMQPValue::ByteArray(bytes) => {
                tagged_as(to, "$bytes", &STANDARD.encode(bytes.as_slice()))
            }
            AMQPValue::Timestamp(seconds) => tagged_as(to, "$timestamp", seconds),
        }
    }
}

struct TableJson<'a>(&'a FieldTable);

impl Serialize for TableJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let all = self.0.inner().iter();
        to.collect_map(all.map(|(name, value)| (name.as_str(), HeaderJson(value))))
    }
}

fn tagged_as<S: Serializer>(
    to: S,
    tag: &str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    to.collect_map([(tag, value)])
}

/// Copied only if something is escaped.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

pub(super) struct Headers<'a>(pub(super) Cow<'a, FieldTable>);

impl Headers<'_> {
    /// Returns the published headers. The broker adds the offset on delivery.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &AMQPValue)> {
        let all = self.0.inner().iter().map(|(name, value)| (name.as_str(), value));
        all.filter(|(name, _)| *name != STREAM_OFFSET)
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shallow = self.all().filter(|(_, value)| is_shallow(value));
        to.collect_map(shallow.map(|(name, value)| (name, HeaderJson(value))))
    }
}

impl<'de> Deserialize<'de> for Headers<'_> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut table = FieldTable::default();
        for (name, HeaderValue(value)) in <BTreeMap<Text<'de>, HeaderValue>>::deserialize(from)? {
            table.insert(short(&name.0).map_err(D::Error::custom)?, value);
        }
        Ok(Self(Cow::Owned(table)))
    }
}

struct HeaderValue(AMQPValue);

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Common values need no intermediate JSON.
        let value = match <&RawValue>::deserialize(from)?.get() {
            text if is_plain(text) => AMQPValue::LongString(text[1..text.len() - 1].into()),
            json => {
                let json = serde_json::from_str(json).map_err(D::Error::custom)?;
                from_json(&json).map_err(D::Error::custom)?
            }
        };
        Ok(Self(value))
    }
}

fn is_plain(json: &str) -> bool {
    json.starts_with('"') && !json.contains('\\')
}

fn from_json(json: &Value) -> Result<AMQPValue, String> {
    Ok(match json {
        Value::Null => AMQPValue::Void,
        Value::Bool(value) => AMQPValue::Boolean(*value),
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // A value of another tool may be wider.
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
        Value::Object(table) => match tag(table.iter().map(|(name, json)| (name.as_str(), json))) {
            Some(("$table", Value::Object(table))) => AMQPValue::FieldTable(to_table(table)?),
            Some((tag, value)) => tagged(tag, value)
                .ok_or_else(|| format!("{{\"{tag}\": {value}}} is no value of a header"))?,
            None => AMQPValue::FieldTable(to_table(table)?),
        },
    })
}

fn to_table(json: &Map<String, Value>) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in json {
        table.insert(short(name)?, from_json(value)?);
    }
    Ok(table)
}

fn short(name: &str) -> Result<ShortString, String> {
    ShortString::try_new(name)
        .map_err(|_| format!("the header `{name:.40}...` has a name of more than 255 bytes"))
}

/// Returns the only entry if its name begins with `$`.
fn tag<'a, V>(mut table: impl Iterator<Item = (&'a str, V)>) -> Option<(&'a str, V)> {
    let first = table.next().filter(|(name, _)| name.starts_with('$'))?;
    table.next().is_none().then_some(first)
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
