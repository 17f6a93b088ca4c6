//! Limits of numbers, lengths and counts, and their comparison.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

#[derive(Debug, Default)]
pub(super) struct SchemaRange {
    least: Option<RangeLimit>,
    most: Option<RangeLimit>,
}

#[derive(Debug, Clone)]
struct RangeLimit {
    at: Number,
    /// The limit itself is outside.
    open: bool,
}

/// Returns the limits of whole numbers for the formats that schemars writes.
pub(crate) fn of_format(format: &str) -> Option<(i128, i128)> {
    Some(match format {
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "int64" | "int" => (i64::MIN.into(), i64::MAX.into()),
        "uint8" => (0, u8::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint64" | "uint" => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// Such a format is read as limits.
pub(super) fn is_width(format: &str) -> bool {
    of_format(format).is_some() || matches!(format, "double" | "float")
}

impl SchemaRange {
    pub(super) fn of_number(schema: &Map<String, Value>) -> Self {
        let mut range = Self::between(schema, "minimum", "maximum");
        range
            .take(limit(schema, "exclusiveMinimum", true), limit(schema, "exclusiveMaximum", true));
        let format = schema.get("format").and_then(Value::as_str).and_then(of_format);
        if let Some((least, most)) = format {
            let closed = |at| Some(RangeLimit { at: Number::from_i128(at)?, open: false });
            range.take(closed(least), closed(most));
        }
        range
    }

    /// The keywords name the limits.
    pub(super) fn between(schema: &Map<String, Value>, least: &str, most: &str) -> Self {
        Self { least: limit(schema, least, false), most: limit(schema, most, false) }
    }

    pub(super) fn only(at: &Number) -> Self {
        let limit = Some(RangeLimit { at: at.clone(), open: false });
        Self { least: limit.clone(), most: limit }
    }

    pub(super) fn or(self, other: &Self) -> Self {
        let Self { least, most } = self;
        Self {
            least: least.or_else(|| other.least.clone()),
            most: most.or_else(|| other.most.clone()),
        }
    }

    fn take(&mut self, least: Option<RangeLimit>, most: Option<RangeLimit>) {
        if let Some(least) = least.filter(|new| !reaches(self.least.as_ref(), new, Ordering::Less))
        {
            self.least = Some(least);
        }
        if let Some(most) = most.filter(|new| !reaches(self.most.as_ref(), new, Ordering::Greater))
        {
            self.most = Some(most);
        }
    }

    /// Returns the lower limit of this range if the other range goes below it.
    pub(super) fn passed_below(&self, other: &Self) -> Option<String> {
        let least = self.least.as_ref()?;
        (!reaches(other.least.as_ref(), least, Ordering::Less)).then(|| least.words())
    }

    /// Returns the upper limit of this range if the other range goes above it.
    pub(super) fn passed_above(&self, other: &Self) -> Option<String> {
        let most = self.most.as_ref()?;
        (!reaches(other.most.as_ref(), most, Ordering::Greater)).then(|| most.words())
    }
}

impl RangeLimit {
    fn words(&self) -> String {
        if self.open { format!("or equal to {}", self.at) } else { self.at.to_string() }
    }
}

fn limit(schema: &Map<String, Value>, keyword: &str, open: bool) -> Option<RangeLimit> {
    let at = schema.get(keyword)?.as_number()?.clone();
    Some(RangeLimit { at, open })
}

/// `outside` is the direction out of the range. An equal limit counts.
fn reaches(limit: Option<&RangeLimit>, other: &RangeLimit, outside: Ordering) -> bool {
    let Some(limit) = limit else { return false };
    match compare_numbers(&limit.at, &other.at) {
        Ordering::Equal => limit.open || !other.open,
        order => order != outside,
    }
}

fn compare_numbers(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (one.as_i128(), other.as_i128()) {
        return one.cmp(&other);
    }
    // Numbers in JSON are finite.
    let float = |number: &Number| number.as_f64().unwrap_or_default();
    float(one).total_cmp(&float(other))
}
