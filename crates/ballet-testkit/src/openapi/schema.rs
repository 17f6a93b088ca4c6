//! The JSON Schemas of an OpenAPI 3.1 document, as far as services use them.

use serde_json::Value;

use crate::openapi::judge::SchemaJudge;
use crate::openapi::pattern::RegexPattern;

/// The largest number for a range without limits.
const USUAL: f64 = 15_625.0;

/// The types of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonType {
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    Array,
    Object,
}

/// A schema, with references followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema<'a> {
    judge: &'a SchemaJudge<'a>,
    pub(super) node: &'a Value,
}

impl<'a> Schema<'a> {
    /// Makes the schema at `node`, which must be a part of the judge's document: references point into that.
    pub(super) fn new(judge: &'a SchemaJudge<'a>, node: &'a Value) -> Self {
        let node = match node["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(path) => judge.root().pointer(path).unwrap_or(node),
            None => node,
        };
        Self { judge, node }
    }

    /// Returns the faults of a value, each with its place.
    pub(super) fn judge(self, value: &Value) -> Vec<String> {
        self.judge.judge(self.node, value)
    }

    pub(super) fn takes(self, value: &Value) -> bool {
        self.judge(value).is_empty()
    }

    fn at(self, node: &'a Value) -> Self {
        Self::new(self.judge, node)
    }

    /// Returns the types that `type` allows; none if there is no `type`.
    pub(super) fn kinds(self) -> Vec<JsonType> {
        let kind = |name: &Value| match name.as_str() {
            Some("null") => Some(JsonType::Null),
            Some("boolean") => Some(JsonType::Boolean),
            Some("integer") => Some(JsonType::Integer),
            Some("number") => Some(JsonType::Number),
            Some("string") => Some(JsonType::Text),
            Some("array") => Some(JsonType::Array),
            Some("object") => Some(JsonType::Object),
            _ => None,
        };
        match &self.node["type"] {
            Value::Array(several) => several.iter().filter_map(kind).collect(),
            one => kind(one).into_iter().collect(),
        }
    }

    pub(super) fn list(self, keyword: &str) -> Vec<Self> {
        let parts = self.node[keyword].as_array().into_iter().flatten();
        parts.map(|part| self.at(part)).collect()
    }

    /// Returns the alternatives of `oneOf` or `anyOf`.
    pub(super) fn choices(self) -> Vec<Self> {
        [self.list("oneOf"), self.list("anyOf")].concat()
    }

    pub(super) fn values(self) -> Option<Vec<&'a Value>> {
        if let Some(only) = self.node.get("const") {
            return Some(vec![only]);
        }
        self.node["enum"].as_array().map(|values| values.iter().collect())
    }

    pub(super) fn properties(self) -> impl Iterator<Item = (&'a str, Self)> {
        let properties = self.node["properties"].as_object().into_iter().flatten();
        properties.map(move |(name, schema)| (name.as_str(), self.at(schema)))
    }

    pub(super) fn requires(self, name: &str) -> bool {
        self.required().any(|required| required == name)
    }

    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        self.node["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    pub(super) fn items(self) -> Option<Self> {
        self.node.get("items").map(|items| self.at(items))
    }

    pub(super) fn format(self) -> &'a str {
        self.node["format"].as_str().unwrap_or_default()
    }

    pub(super) fn pattern(self) -> Option<Result<RegexPattern, String>> {
        self.node["pattern"].as_str().map(RegexPattern::parse)
    }

    pub(super) fn size(self, keyword: &str) -> Option<usize> {
        self.node[keyword].as_u64().and_then(|size| usize::try_from(size).ok())
    }

    /// Returns the least and the greatest whole number.
    pub(super) fn bounds(self) -> (i128, i128) {
        let (least, most) = match self.format() {
            "int32" => (i32::MIN.into(), i32::MAX.into()),
            "uint32" => (0, u32::MAX.into()),
            "uint64" => (0, u64::MAX.into()),
            _ => (i64::MIN.into(), i64::MAX.into()),
        };
        let above = self.number("exclusiveMinimum").map(|beyond| beyond + 1);
        let below = self.number("exclusiveMaximum").map(|beyond| beyond - 1);
        let least = self.number("minimum").into_iter().chain(above).max().unwrap_or(least);
        let most = self.number("maximum").into_iter().chain(below).min().unwrap_or(most);
        (least, most)
    }

    fn number(self, keyword: &str) -> Option<i128> {
        as_whole_number(&self.node[keyword])
    }

    /// Returns the limits of a number with a fraction, inclusive or not. Without limits the range is one of usual
    /// numbers.
    pub(super) fn range(self) -> (f64, f64) {
        let bound = |keyword: &str| self.node[keyword].as_f64();
        let least = bound("minimum").into_iter().chain(bound("exclusiveMinimum"));
        let most = bound("maximum").into_iter().chain(bound("exclusiveMaximum"));
        match (least.reduce(f64::max), most.reduce(f64::min)) {
            (Some(least), Some(most)) => (least, most),
            (Some(least), None) => (least, USUAL.max(least + USUAL)),
            (None, Some(most)) => ((-USUAL).min(most - USUAL), most),
            (None, None) => (-USUAL, USUAL),
        }
    }
}

/// Returns the value as a whole number, if it is one.
fn as_whole_number(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}
