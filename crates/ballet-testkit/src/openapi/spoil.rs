//! Random values that break a schema in one known place.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::openapi::document::Parameter;
use crate::openapi::request::text_of;
use crate::openapi::sample::sample;
use crate::openapi::schema::{JsonType, Schema};

/// A value with one wrong part.
#[derive(Debug)]
pub(super) struct SpoiltValue {
    pub(super) value: Value,
    /// The place of the wrong part, as a JSON Pointer in a URI fragment.
    pub(super) pointer: String,
}

/// Spoils one part of a value that fits.
pub(super) fn spoil(schema: Schema<'_>, value: &Value, dice: &mut Rng) -> Option<SpoiltValue> {
    let mut places = Vec::new();
    collect(schema, value, "", &mut places);
    let (pointer, schema) = dice.choice(&places)?;
    let mut spoilt = value.clone();
    let part = spoilt.pointer_mut(pointer)?;
    let missing: Vec<&str> = schema.required().collect();
    if let (Some(object), Some(name)) = (part.as_object_mut(), dice.choice(&missing))
        && dice.bool()
    {
        object.remove(*name);
        return Some(SpoiltValue { value: spoilt, pointer: format!("#{pointer}/{name}") });
    }
    *part = misfit(*schema, part, dice)?;
    Some(SpoiltValue { value: spoilt, pointer: format!("#{pointer}") })
}

/// Returns a text that is no valid value of this parameter.
pub(super) fn wrong_text(parameter: &Parameter<'_>, dice: &mut Rng) -> Option<String> {
    let fits = sample(parameter.schema, dice);
    let text = text_of(&misfit(parameter.schema, &fits, dice)?);
    // A path without the part is another route; a header holds visible letters only.
    let can_be_sent = match parameter.place {
        "path" => !text.is_empty(),
        "header" => text.chars().all(|letter| letter.is_ascii_graphic()),
        _ => true,
    };
    // A value of the wrong type may be right once it is text.
    let is_wrong = |value: &Value| !parameter.schema.takes(value);
    let read = serde_json::from_str(&text).unwrap_or(Value::Null);
    let wrong = is_wrong(&Value::String(text.clone())) && is_wrong(&read);
    (can_be_sent && wrong).then_some(text)
}

/// Returns a value that does not fit.
fn misfit(schema: Schema<'_>, fits: &Value, dice: &mut Rng) -> Option<Value> {
    let mut wrong = misfits(schema, fits);
    wrong.retain(|value| !schema.takes(value));
    dice.choice(&wrong).cloned()
}

/// Collects all parts of the value with their schemas.
fn collect<'a>(
    schema: Schema<'a>,
    value: &Value,
    pointer: &str,
    places: &mut Vec<(String, Schema<'a>)>,
) {
    let fitting = schema.choices().into_iter().find(|choice| choice.takes(value));
    // A choice of constants is spoilt as a whole.
    let has_constants = schema.choices().iter().any(|choice| choice.values().is_some());
    if let Some(chosen) = fitting.filter(|_| !has_constants) {
        if value.is_object() || schema.kinds().is_empty() {
            collect(chosen, value, pointer, places);
        }
        if schema.kinds().is_empty() {
            return;
        }
    }
    places.push((pointer.to_owned(), schema));
    for (name, property) in schema.properties() {
        if let Some(value) = value.get(name) {
            collect(property, value, &format!("{pointer}/{name}"), places);
        }
    }
    if let (Some(items), Some(values)) = (schema.items(), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            collect(items, value, &format!("{pointer}/{index}"), places);
        }
    }
}

/// Returns values of other types, beyond the limits, and of another form.
fn misfits(schema: Schema<'_>, fits: &Value) -> Vec<Value> {
    let mut others = vec![json!(true), json!({ "a": 1 }), json!([[]]), json!("?!"), json!(-1.5)];
    others.push(Value::Null);
    if schema.kinds().contains(&JsonType::Integer) {
        let (least, most) = schema.bounds();
        others.extend(i64::try_from(least - 1).map(Value::from));
        others.extend(i64::try_from(most + 1).map(Value::from));
    }
    if schema.kinds().contains(&JsonType::Number) {
        // The ends themselves may be beyond the range.
        let (least, most) = schema.range();
        others.extend([least - 1.0, least, most, most + 1.0].map(Value::from));
    }
    if let Some(most) = schema.size("maxLength") {
        others.push(json!("x".repeat(most + 1)));
    }
    if let Some(text) = fits.as_str() {
        others.extend([json!(format!("{text}\u{7}")), json!(format!("{text}{text}")), json!("")]);
    }
    if let Some(items) = fits.as_array() {
        if schema.size("minItems").is_some_and(|least| least > 0) {
            others.push(json!([]));
        }
        if let (Some(most), Some(item)) = (schema.size("maxItems"), items.first()) {
            others.push(json!(vec![item; most + 1]));
        }
    }
    others
}
