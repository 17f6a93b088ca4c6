//! A value's type, in a line for people.

use maud::{Markup, html};
use serde_json::Value;

use crate::openapi::components::object;

const SCHEMAS: &str = "#/components/schemas/";
const BOUNDS: [(&str, &str); 9] = [
    ("format", ""),
    ("minimum", "from "),
    ("maximum", "to "),
    ("minLength", "at least this long: "),
    ("maxLength", "at most this long: "),
    ("minItems", "at least this many: "),
    ("maxItems", "at most this many: "),
    ("pattern", "like "),
    ("default", "if it is missing: "),
];

/// Returns a type in one line, with links to named ones.
pub(crate) fn type_of(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.strip_prefix(SCHEMAS)) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    for (keyword, word) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")] {
        if let Some(all) = schema[keyword].as_array() {
            return joined(all.iter().map(type_of), word);
        }
    }
    if let Some(texts) = schema["enum"].as_array() {
        return joined(texts.iter().map(code), " or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        kind => kind.as_str().unwrap_or_default().to_owned(),
    };
    let field = |(name, one): (&String, &Value)| html! { code { (name) } ": " (type_of(one)) };
    let mut fields = object(&schema["properties"]).map(field).peekable();
    html! {
        @if !kind.is_empty() { (kind) }
        @else if schema["const"].is_null() { "anything" }
        @else { (code(&schema["const"])) }
        @if schema["items"].is_object() { " of " (type_of(&schema["items"])) }
        @if fields.peek().is_some() { " (" (joined(fields, ", ")) ")" }
        @for (keyword, word) in BOUNDS {
            @if let Some(value) = schema.get(keyword) { ", " (word) (code(value)) }
        }
    }
}

pub(crate) fn joined(all: impl Iterator<Item = Markup>, word: &str) -> Markup {
    html! { @for (at, one) in all.enumerate() { @if at > 0 { (word) } (one) } }
}

/// Text without quotes, or anything else as JSON.
pub(crate) fn code(value: &Value) -> Markup {
    html! { code { (value.as_str().map_or_else(|| value.to_string(), str::to_owned)) } }
}
