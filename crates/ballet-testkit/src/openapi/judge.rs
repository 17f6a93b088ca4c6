//! Whether a value fits a schema.

use serde_json::Value;

use crate::openapi::schema::{Kind, Schema, whole};

/// What is wrong with a value, each with its place.
pub(super) fn judge(schema: Schema<'_>, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    at(schema, value, "#", &mut wrong);
    wrong
}

fn at(schema: Schema<'_>, value: &Value, place: &str, wrong: &mut Vec<String>) {
    if *schema.node == Value::Bool(true) {
        return;
    }
    let mut say = |what: String| wrong.push(format!("{place} {what}"));
    for keyword in schema.unknown_keywords() {
        say(format!("has a schema with {keyword:?}, which this check does not know"));
    }
    let kinds = schema.kinds();
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(value, *kind)) {
        say(format!("is {value}, not {kinds:?}"));
        return;
    }
    if schema.values().is_some_and(|values| !values.contains(&value)) {
        say(format!("is {value}, none of the listed values"));
    }
    for part in schema.list("allOf") {
        at(part, value, place, wrong);
    }
    let choices = schema.choices();
    if !choices.is_empty() && !choices.iter().any(|choice| judge(*choice, value).is_empty()) {
        wrong.push(format!("{place} is {value}, which fits none of the choices"));
    }
    match value {
        Value::String(text) => text_is(schema, text, place, wrong),
        Value::Number(_) => number_is(schema, value, place, wrong),
        Value::Array(items) => {
            size_is(schema, "Items", items.len(), place, wrong);
            for (index, item) in items.iter().enumerate() {
                if let Some(schema) = schema.items() {
                    at(schema, item, &format!("{place}/{index}"), wrong);
                }
            }
        }
        Value::Object(object) => {
            for name in schema.required().filter(|name| !object.contains_key(*name)) {
                wrong.push(format!("{place} has no {name}"));
            }
            for (name, schema) in schema.properties() {
                if let Some(value) = object.get(name) {
                    at(schema, value, &format!("{place}/{name}"), wrong);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn is(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Null => value.is_null(),
        Kind::Boolean => value.is_boolean(),
        Kind::Integer => whole(value).is_some(),
        Kind::Number => value.is_number(),
        Kind::Text => value.is_string(),
        Kind::Array => value.is_array(),
        Kind::Object => value.is_object(),
    }
}

fn size_is(schema: Schema<'_>, of: &str, size: usize, place: &str, wrong: &mut Vec<String>) {
    if schema.size(&format!("min{of}")).is_some_and(|least| size < least)
        || schema.size(&format!("max{of}")).is_some_and(|most| size > most)
    {
        wrong.push(format!("{place} has the size {size}"));
    }
}

fn number_is(schema: Schema<'_>, value: &Value, place: &str, wrong: &mut Vec<String>) {
    let (least, most) = match schema.kinds().contains(&Kind::Integer) {
        true => schema.bounds(),
        false => (
            schema.number("minimum").unwrap_or(i128::MIN),
            schema.number("maximum").unwrap_or(i128::MAX),
        ),
    };
    if whole(value).is_some_and(|number| !(least..=most).contains(&number)) {
        wrong.push(format!("{place} is {value}, not between {least} and {most}"));
    }
}

fn text_is(schema: Schema<'_>, text: &str, place: &str, wrong: &mut Vec<String>) {
    if let Some(content) = schema.content() {
        match serde_json::from_str(text) {
            Ok(value) => at(content, &value, place, wrong),
            Err(error) => wrong.push(format!("{place} is not JSON: {error}")),
        }
    }
    size_is(schema, "Length", text.chars().count(), place, wrong);
    match schema.pattern() {
        Some(Ok(pattern)) if !pattern.matches(text) => {
            wrong.push(format!(
                "{place} is {text:?}, which does not match {}",
                schema.node["pattern"]
            ));
        }
        Some(Err(error)) => wrong.push(format!("{place}: {error}")),
        _ => {}
    }
    let fits = match schema.format() {
        "uuid" => text_like(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        "date-time" => {
            let (time, rest) = text.split_at_checked(19).unwrap_or((text, ""));
            let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
            text_like(time, "0000-00-00T00:00:00") && (zone == "Z" || text_like(zone, "+00:00"))
        }
        _ => true,
    };
    if !fits {
        wrong.push(format!("{place} is {text:?}, no {}", schema.format()));
    }
}

/// `0` stands for a digit, `x` for a hexadecimal one.
fn text_like(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.chars().zip(shape.chars()).all(|(found, expected)| match expected {
            '0' => found.is_ascii_digit(),
            'x' => found.is_ascii_hexdigit(),
            '+' => found == '+' || found == '-',
            other => found == other,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(schema: &Value, value: &Value) -> Vec<String> {
        judge(Schema::new(schema, schema), value)
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let schema = json!({
            "type": "object",
            "required": ["id", "lines"],
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "at": { "type": "string", "format": "date-time" },
                "lines": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Line" } },
                "note": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            },
            "$defs": { "Line": { "type": "integer", "minimum": 1, "maximum": 9 } },
        });
        let id = "0193f7a0-0000-7000-8000-000000000001";
        let fits =
            json!({ "id": id, "lines": [1, 9], "note": null, "at": "2026-01-01T00:00:00.5Z" });
        let known = |wrong: Vec<String>| {
            wrong.into_iter().filter(|what| !what.contains("$defs")).collect::<Vec<_>>()
        };
        assert_eq!(known(wrong(&schema, &fits)), [""; 0]);
        let place = |value: Value| {
            let wrong = known(wrong(&schema, &value));
            wrong.into_iter().next().unwrap_or_default()
        };
        assert!(place(json!({ "id": id })).starts_with("# has no lines"));
        assert!(place(json!({ "id": id, "lines": [] })).starts_with("#/lines has the size 0"));
        assert!(place(json!({ "id": id, "lines": [1, 10] })).starts_with("#/lines/1 is 10"));
        assert!(place(json!({ "id": "x", "lines": [1] })).starts_with("#/id is \"x\", no uuid"));
        assert!(place(json!({ "id": id, "lines": [1], "note": 7 })).starts_with("#/note is 7"));
    }

    #[test]
    fn an_unknown_keyword_is_no_silent_yes() {
        let unknown = wrong(&json!({ "multipleOf": 2 }), &json!(3));
        assert_eq!(
            unknown,
            [r##"# has a schema with "multipleOf", which this check does not know"##]
        );
    }
}
