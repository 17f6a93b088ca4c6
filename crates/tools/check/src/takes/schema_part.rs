//! A part of a JSON schema, with the document that its references point into.

use serde_json::{Map, Value};

#[derive(Debug, Clone, Copy)]
pub(super) struct SchemaPart<'a> {
    pub(super) whole: &'a Value,
    pub(super) part: &'a Value,
}

impl<'a> SchemaPart<'a> {
    pub(super) const fn top(whole: &'a Value) -> Self {
        Self { whole, part: whole }
    }

    pub(super) const fn at(self, part: &'a Value) -> Self {
        Self { part, ..self }
    }

    /// `None` without a reference.
    pub(super) fn target(self) -> Option<Self> {
        let path = self.part["$ref"].as_str()?.strip_prefix('#')?;
        Some(self.at(self.whole.pointer(path)?))
    }

    pub(super) fn list(self, keyword: &str) -> Option<Vec<Self>> {
        Some(self.part.get(keyword)?.as_array()?.iter().map(|part| self.at(part)).collect())
    }
}

/// Empty if the schema names none.
pub(crate) fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(several))) => Some(several.iter().collect()),
        _ => None,
    }
}

pub(crate) fn is_a(one: &str, other: &str) -> bool {
    one == other || one == "integer" && other == "number"
}

pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
