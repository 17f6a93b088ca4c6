//! The finished document.

use std::collections::BTreeMap;

use ballet_core::portable::make_portable;
use ballet_http::problem;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// An OpenAPI 3.1 document.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    openapi: &'static str,
    info: Info,
    paths: BTreeMap<&'static str, BTreeMap<&'static str, Value>>,
    components: DocumentComponents,
    #[serde(skip)]
    mistakes: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Info {
    title: &'static str,
    description: &'static str,
    version: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct DocumentComponents {
    schemas: BTreeMap<String, Value>,
}

impl Document {
    pub(crate) fn new(
        title: &'static str,
        description: &'static str,
        paths: BTreeMap<&'static str, BTreeMap<&'static str, Value>>,
        schemas: Map<String, Value>,
        mut mistakes: Vec<String>,
    ) -> Self {
        let mut schemas: BTreeMap<String, Value> = schemas.into_iter().collect();
        if schemas.insert("Problem".to_owned(), problem()).is_some() {
            mistakes.push("a type is named Problem, as the errors are".to_owned());
        }
        let paths = paths.into_iter().map(|(path, operations)| {
            let operations = operations.into_iter();
            (path, operations.map(|(method, one)| (method, described(one))).collect())
        });
        let schemas = schemas.into_iter();
        let schemas = schemas.map(|(name, schema)| (name, described(schema))).collect();
        Self {
            openapi: "3.1.0",
            info: Info { title, description, version: "1" },
            paths: paths.collect(),
            components: DocumentComponents { schemas },
            mistakes,
        }
    }

    /// Returns the document as JSON for people, the same text in every build.
    #[must_use]
    pub fn text(&self) -> String {
        // A document is maps with text as keys, so it can always be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Returns the mistakes that the text does not show. A service's tests expect none.
    #[must_use]
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }
}

/// Adds the bounds that a number's format implies, since not all tools know the formats.
fn bound(schema: &mut Map<String, Value>) {
    let (least, most): (Value, Value) = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("int64") => (i64::MIN.into(), i64::MAX.into()),
        _ => return,
    };
    schema.entry("minimum").or_insert(least);
    schema.entry("maximum").or_insert(most);
}

/// Returns a description in its final form and order. The order of a map depends on how serde_json was built.
fn described(mut value: Value) -> Value {
    make_portable(&mut value);
    let mut value = enumerated(value);
    value.sort_all_objects();
    value
}

/// Turns each choice of texts into one `enum`, with their meanings in its description, since a
/// generated client may take a `oneOf` of constants for its first one.
fn enumerated(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let entries = object.into_iter().map(|(name, value)| (name, enumerated(value)));
            let mut object: Map<String, Value> = entries.collect();
            bound(&mut object);
            if let Some((texts, about)) = choice(&object) {
                object.remove("oneOf");
                object.insert("type".to_owned(), "string".into());
                object.insert("enum".to_owned(), texts.into());
                object.insert("description".to_owned(), about.into());
            }
            Value::Object(object)
        }
        Value::Array(items) => items.into_iter().map(enumerated).collect(),
        other => other,
    }
}

fn choice(schema: &Map<String, Value>) -> Option<(Vec<String>, String)> {
    let mut texts = Vec::new();
    let mut about =
        schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    for one in schema.get("oneOf")?.as_array()? {
        if let Some(text) = one["const"].as_str() {
            texts.push(text.to_owned());
            if let Some(meaning) = one["description"].as_str() {
                about = format!("{about}\n- `{text}`: {meaning}");
            }
        } else {
            for text in one["enum"].as_array()? {
                texts.push(text.as_str()?.to_owned());
            }
        }
    }
    Some((texts, about))
}

fn problem() -> Value {
    let mut schema = problem::schema();
    schema["examples"] = json!([{
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the body's field #/lines/0/quantity is wrong: missing field `quantity`",
        "errors": [{
            "in": "body",
            "pointer": "#/lines/0/quantity",
            "detail": "missing field `quantity`",
        }],
    }]);
    schema
}
