//! A part of a JSON schema, together with the document that its references point into.

use serde_json::{Map, Value};

/// A part of a schema, together with the document that its references point into.
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

    /// Returns the target of its reference, if it has one.
    pub(super) fn target(self) -> Option<Self> {
        let path = self.part["$ref"].as_str()?.strip_prefix('#')?;
        Some(self.at(self.whole.pointer(path)?))
    }

    /// Returns the schemas in a list such as `anyOf`.
    pub(super) fn list(self, keyword: &str) -> Option<Vec<Self>> {
        Some(self.part.get(keyword)?.as_array()?.iter().map(|part| self.at(part)).collect())
    }
}

/// Returns the JSON types that a schema names. Empty if it names none.
pub(crate) fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns the values that a schema lists, if it does.
pub(crate) fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(several))) => Some(several.iter().collect()),
        _ => None,
    }
}

/// Whether values of one type are values of another.
pub(crate) fn is_a(one: &str, other: &str) -> bool {
    one == other || one == "integer" && other == "number"
}

/// Returns the JSON type of a value.
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
