//! JSON schemas for people: fields with their types, and lists of values.

use std::collections::BTreeMap;

use schemars::Schema;
use serde_json::Value;

use crate::markdown::{anchor, code};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SchemaShape {
    pub(crate) meaning: String,
    /// The required ones first, as declared.
    pub(crate) fields: Vec<SchemaField>,
    pub(crate) values: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SchemaField {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) meaning: String,
}

impl SchemaField {
    /// Returns the type in words, without Markdown: `[Money](#money)` becomes `Money`.
    pub(crate) fn plain_kind(&self) -> String {
        let kind = self.kind.replace('`', "");
        match kind.split_once("](#") {
            Some((name, _)) => name.replace('[', ""),
            None => kind,
        }
    }
}

impl SchemaShape {
    pub(crate) fn read(schema: &Value, definitions: &BTreeMap<String, Value>) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let value =
            |one: &Value| Some((one["const"].as_str()?.to_owned(), text(&one["description"])));
        let mut values: Vec<_> =
            schema["oneOf"].as_array().into_iter().flatten().filter_map(value).collect();
        // Without descriptions.
        let plain = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        values.extend(plain.map(|value| (value.to_owned(), String::new())));
        // A type that only renames another has that one's fields.
        let other = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let fields_of = other.and_then(|name| definitions.get(name)).unwrap_or(schema);
        let fields = fields(fields_of, definitions);
        Self { meaning: text(&schema["description"]), fields, values }
    }

    /// Returns the fields of a schema with its own definitions, each as a line of plain text.
    pub(crate) fn fields_of(schema: &Schema) -> Vec<String> {
        let definitions = schema.as_value()["$defs"].as_object().into_iter().flatten();
        let definitions: BTreeMap<String, Value> =
            definitions.map(|(name, shape)| (name.clone(), shape.clone())).collect();
        let line = |field: SchemaField| {
            let kind = field.plain_kind();
            let optional = if field.required { "" } else { ", optional" };
            format!("{}: {kind}{optional}", field.name)
        };
        Self::read(schema.as_value(), &definitions).fields.into_iter().map(line).collect()
    }

    /// Text or a number needs no section on a page.
    pub(crate) fn is_scalar(&self) -> bool {
        self.fields.is_empty() && self.values.is_empty()
    }
}

fn fields(schema: &Value, definitions: &BTreeMap<String, Value>) -> Vec<SchemaField> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields: Vec<SchemaField> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| SchemaField {
            name: name.clone(),
            kind: kind(field, definitions),
            required: required.contains(&name.as_str()),
            meaning: field["description"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    // The order of a map depends on how serde_json was built.
    let position = |field: &SchemaField| required.iter().position(|name| *name == field.name);
    fields.sort_by(|a, b| {
        let key = |f: &SchemaField| (position(f).unwrap_or(usize::MAX), f.name.clone());
        key(a).cmp(&key(b))
    });
    fields
}

fn kind(schema: &Value, definitions: &BTreeMap<String, Value>) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return referred(name, definitions);
    }
    // An optional field is its type or null.
    if let Some(one) = schema["anyOf"].as_array().and_then(|any| {
        let mut real = any.iter().filter(|one| one["type"] != "null");
        real.next().filter(|_| real.next().is_none())
    }) {
        return kind(one, definitions);
    }
    let named = match &schema["type"] {
        Value::Array(types) => types.iter().find_map(|t| t.as_str().filter(|t| *t != "null")),
        one => one.as_str(),
    };
    match (named.unwrap_or_default(), schema["format"].as_str()) {
        ("string", Some("uuid")) => "UUID".to_owned(),
        ("string", Some("date-time")) => "time, RFC 3339".to_owned(),
        ("string", _) => match schema["pattern"].as_str() {
            Some(pattern) => format!("text like {}", code(pattern)),
            None => "text".to_owned(),
        },
        ("integer", _) if schema["minimum"].as_i64() == Some(0) => {
            "whole number, not below 0".to_owned()
        }
        ("integer", _) => "whole number".to_owned(),
        ("number", _) => "number".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        ("array", _) => format!("list of {}", kind(&schema["items"], definitions)),
        ("object", _) => "object".to_owned(),
        _ => "any JSON".to_owned(),
    }
}

fn referred(name: &str, definitions: &BTreeMap<String, Value>) -> String {
    let Some(schema) = definitions.get(name) else { return code(name) };
    if SchemaShape::read(schema, &BTreeMap::new()).is_scalar() {
        return kind(schema, definitions);
    }
    format!("[{name}](#{})", anchor(name))
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};
    use serde::{Deserialize, Serialize};

    use super::*;

    /// Why.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Why {
        /// All gone.
        SoldOut,
    }

    /// A line
    /// of an order.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Line {
        /// How many.
        quantity: u32,
        /// The purpose.
        #[serde(default)]
        note: Option<String>,
        /// Earlier ones.
        before: Vec<Why>,
        /// The reason.
        #[serde(default)]
        why: Option<Why>,
    }

    #[test]
    fn fields_have_their_types_in_words() {
        let schema = schema_for!(Line).to_value();
        let definitions: BTreeMap<String, Value> = schema["$defs"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect();
        let shape = SchemaShape::read(&schema, &definitions);
        assert_eq!(shape.meaning, "A line\nof an order.");
        let fields: Vec<_> =
            shape.fields.iter().map(|f| (f.name.as_str(), f.kind.as_str(), f.required)).collect();
        assert_eq!(
            fields,
            [
                ("quantity", "whole number, not below 0", true),
                ("before", "list of [Why](#why)", true),
                ("note", "text", false),
                ("why", "[Why](#why)", false),
            ]
        );
        let why = SchemaShape::read(&definitions["Why"], &definitions);
        assert_eq!(why.values, [("sold_out".to_owned(), "All gone.".to_owned())]);
    }
    /// A line under another name.
    #[derive(JsonSchema)]
    #[schemars(transparent)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Renamed(Line);

    #[test]
    fn a_type_that_is_another_one_has_its_fields() {
        let schema = schema_for!(Renamed).to_value();
        let definitions: BTreeMap<String, Value> =
            serde_json::from_value(schema["$defs"].clone()).expect("definitions");
        let shape = SchemaShape::read(&schema, &definitions);
        assert_eq!(shape.meaning, "A line under another name.");
        assert_eq!(shape.fields, SchemaShape::read(&definitions["Line"], &definitions).fields);
        assert!(!shape.fields.is_empty());
    }
}
