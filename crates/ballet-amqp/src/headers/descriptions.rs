//! Headers that a copy cannot carry, described as JSON text: `[{"name", "type", "value"}, ...]`.

use std::fmt::Write as _;

use lapin::types::{AMQPValue, DecimalValue};
use serde_json::{Map, Value, json};

/// The longest description. It has room for all headers of a message within the limits.
const LONGEST: usize = 40 * 1024;

/// The descriptions of headers, one for each name.
#[derive(Default)]
pub(super) struct Descriptions {
    entries: Vec<Value>,
    bytes: usize,
    omitted: usize,
}

impl Descriptions {
    /// Goes on with the descriptions of an earlier copy. A text that is none is dropped.
    pub(super) fn after(earlier: Option<&str>) -> Self {
        let mut all = Self::default();
        let earlier: Option<Vec<Value>> = earlier.and_then(|text| serde_json::from_str(text).ok());
        for entry in earlier.into_iter().flatten().filter(|entry| entry["name"].is_string()) {
            all.push(entry);
        }
        all
    }

    /// Adds a header. The caller bounds its depth.
    pub(super) fn add(&mut self, name: &str, value: &AMQPValue) {
        let (kind, value) = described(value);
        self.entries.retain(|entry| entry["name"] != name);
        self.push(json!({"name": name, "type": kind, "value": value}));
    }

    /// The text, or `None` if nothing was described.
    pub(super) fn into_text(mut self) -> Option<String> {
        if self.omitted > 0 {
            self.entries.push(json!({"omitted": self.omitted}));
        }
        (!self.entries.is_empty()).then(|| Value::Array(self.entries).to_string())
    }

    fn push(&mut self, entry: Value) {
        let bytes = entry.to_string().len() + 1;
        if self.bytes + bytes > LONGEST {
            self.omitted += 1;
            return;
        }
        self.bytes += bytes;
        self.entries.push(entry);
    }
}

/// The type and the value, without loss.
fn described(value: &AMQPValue) -> (&'static str, Value) {
    match value {
        AMQPValue::Boolean(value) => ("bool", json!(value)),
        AMQPValue::ShortShortInt(value) => ("i8", json!(value)),
        AMQPValue::ShortShortUInt(value) => ("u8", json!(value)),
        AMQPValue::ShortInt(value) => ("i16", json!(value)),
        AMQPValue::ShortUInt(value) => ("u16", json!(value)),
        AMQPValue::LongInt(value) => ("i32", json!(value)),
        AMQPValue::LongUInt(value) => ("u32", json!(value)),
        AMQPValue::LongLongInt(value) => ("i64", json!(value)),
        AMQPValue::Float(value) => ("float", json!(value)),
        AMQPValue::Double(value) => ("double", json!(value)),
        AMQPValue::DecimalValue(value) => ("decimal", json!(decimal(*value))),
        AMQPValue::ShortString(text) => ("text", json!(text.as_str())),
        AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => ("text", json!(text)),
            Err(_) => ("text", json!({"hex": hex(text.as_bytes())})),
        },
        AMQPValue::ByteArray(bytes) => ("bytes", json!({"hex": hex(bytes.as_slice())})),
        AMQPValue::Timestamp(seconds) => ("timestamp", json!(seconds)),
        AMQPValue::FieldArray(values) => ("array", values.as_slice().iter().map(nested).collect()),
        AMQPValue::FieldTable(table) => {
            let entries = table.inner().iter();
            let entries = entries.map(|(name, value)| (name.to_string(), nested(value)));
            ("table", Value::Object(entries.collect::<Map<_, _>>()))
        }
        AMQPValue::Void => ("void", Value::Null),
    }
}

fn nested(value: &AMQPValue) -> Value {
    let (kind, value) = described(value);
    json!({"type": kind, "value": value})
}

/// The number with as many digits after the point as its scale says.
fn decimal(DecimalValue { scale, value }: DecimalValue) -> String {
    let scale = usize::from(scale);
    let mut digits = format!("{value:0>width$}", width = scale + 1);
    if scale > 0 {
        digits.insert(digits.len() - scale, '.');
    }
    digits
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use lapin::types::{FieldArray, FieldTable};

    use super::*;

    #[test]
    fn a_decimal_keeps_its_digits() {
        for (scale, value, text) in [
            (2, 1234, "12.34"),
            (0, 7, "7"),
            (3, 5, "0.005"),
            (2, 0, "0.00"),
            (1, u32::MAX, "429496729.5"),
        ] {
            assert_eq!(decimal(DecimalValue { scale, value }), text);
        }
    }

    #[test]
    fn what_is_nested_keeps_its_types() {
        let mut table = FieldTable::default();
        table.insert("count".into(), AMQPValue::LongLongInt(3));
        table.insert("raw".into(), AMQPValue::LongString(vec![0xff, 0].into()));
        let array = FieldArray::from(vec![AMQPValue::FieldTable(table), AMQPValue::Void]);
        let mut all = Descriptions::default();
        all.add("x-death", &AMQPValue::FieldArray(array));
        let expected = json!([{"name": "x-death", "type": "array", "value": [
            {"type": "table", "value": {
                "count": {"type": "i64", "value": 3},
                "raw": {"type": "text", "value": {"hex": "ff00"}},
            }},
            {"type": "void", "value": null},
        ]}]);
        assert_eq!(serde_json::from_str::<Value>(&all.into_text().unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_later_copy_goes_on_and_the_length_is_bounded() {
        let mut all = Descriptions::default();
        all.add("price", &AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1 }));
        let text = all.into_text().unwrap();
        let mut all = Descriptions::after(Some(&text));
        all.add("price", &AMQPValue::Void);
        for index in 0..10_000 {
            all.add(&format!("header {index}"), &AMQPValue::Void);
        }
        let text = all.into_text().unwrap();
        assert!(text.len() < LONGEST + 100, "{}", text.len());
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(entries[0], json!({"name": "price", "type": "void", "value": null}));
        let omitted = entries.last().unwrap()["omitted"].as_u64().unwrap();
        assert_eq!(omitted + entries.len() as u64 - 1, 10_001);
        assert!(Descriptions::after(Some("no JSON")).into_text().is_none());
    }
}
