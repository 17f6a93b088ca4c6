//! Random values that fit a schema.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::openapi::schema::{JsonType, Schema};

/// The most items or letters beyond the minimum, where there is no maximum.
const MORE: usize = 4;
/// The letters of texts: of one to four bytes, and those that need quoting in some format
/// or that Postgres cannot store.
const LETTERS: &[char] = &[
    'a', 'Z', '0', ' ', '-', '.', '_', '~', '/', '?', '&', '=', '%', '+', '"', '\'', '\\', '<',
    '>', '{', '}', ';', '$', 'ä', 'ß', 'é', '€', '中', '😀', '\u{202e}', '\0',
];

/// Returns a value that fits.
pub(super) fn sample(schema: Schema<'_>, dice: &mut Rng) -> Value {
    if let Some(values) = schema.values() {
        return dice.choice(&values).map_or(Value::Null, |value| (*value).clone());
    }
    let example = schema.node["examples"].as_array().and_then(|examples| dice.choice(examples));
    if let Some(example) = example
        && dice.usize(..3) == 0
    {
        return example.clone();
    }
    let choices = schema.choices();
    let chosen = dice.choice(&choices).map(|choice| sample(*choice, dice));
    let parts = schema.list("allOf").into_iter().map(|part| sample(part, dice)).chain(chosen);
    let parts: Vec<Value> = parts.collect();
    let kinds = schema.kinds();
    let own = dice.choice(&kinds).map(|kind| of_kind(*kind, schema, dice));
    match own {
        // The fields of schemas that are flattened into an object.
        Some(Value::Object(mut whole)) => {
            let objects = parts.into_iter().filter_map(|part| match part {
                Value::Object(object) => Some(object),
                _ => None,
            });
            objects.for_each(|object| whole.extend(object));
            Value::Object(whole)
        }
        Some(own) => own,
        None => parts.into_iter().next().unwrap_or_else(|| json!({})),
    }
}

fn of_kind(kind: JsonType, schema: Schema<'_>, dice: &mut Rng) -> Value {
    match kind {
        JsonType::Null => Value::Null,
        JsonType::Boolean => Value::Bool(dice.bool()),
        JsonType::Integer => number(schema, dice),
        JsonType::Number => real(schema, dice),
        JsonType::Text => Value::String(text(schema, dice)),
        JsonType::Array => {
            let size = size(schema, "Items", dice);
            let item = |_| schema.items().map_or(Value::Null, |items| sample(items, dice));
            (0..size).map(item).collect()
        }
        JsonType::Object => {
            let mut object = Map::new();
            for (name, property) in schema.properties() {
                if schema.requires(name) || dice.bool() {
                    object.insert(name.to_owned(), sample(property, dice));
                }
            }
            Value::Object(object)
        }
    }
}

/// Draws a whole number. The limits of the range are more likely than the rest.
fn number(schema: Schema<'_>, dice: &mut Rng) -> Value {
    let (least, most) = schema.bounds();
    let number = match dice.usize(..6) {
        0 => least,
        1 => most,
        2 => dice.i128(least..=most),
        _ => {
            let small = 0.clamp(least, most);
            dice.i128(small..=small.saturating_add(20).min(most))
        }
    };
    i64::try_from(number)
        .map_or_else(|_| json!(u64::try_from(number).unwrap_or_default()), Value::from)
}

/// Draws a number with a fraction. An exclusive limit is left out.
fn real(schema: Schema<'_>, dice: &mut Rng) -> Value {
    let (least, most) = schema.range();
    let end = match dice.usize(..6) {
        0 => Some(json!(least)),
        1 => Some(json!(most)),
        _ => None,
    };
    let share = dice.f64();
    let between = (least * (1.0 - share) + most * share).max(least).min(most);
    end.filter(|end| schema.takes(end)).unwrap_or_else(|| json!(between))
}

fn size(schema: Schema<'_>, of: &str, dice: &mut Rng) -> usize {
    let least = schema.size(&format!("min{of}")).unwrap_or(0);
    let most = schema.size(&format!("max{of}"));
    match dice.usize(..8) {
        0 => least,
        1 => most.unwrap_or(least + MORE),
        _ => (least + dice.usize(..MORE)).min(most.unwrap_or(usize::MAX)),
    }
}

fn text(schema: Schema<'_>, dice: &mut Rng) -> String {
    if let Some(Ok(pattern)) = schema.pattern() {
        return pattern.sample(dice);
    }
    match schema.format() {
        "uuid" => {
            let digits = format!("{:032x}", dice.u128(..));
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
            parts.join("-")
        }
        "date-time" => {
            format!(
                "20{:02}-0{}-1{}T12:00:00Z",
                dice.usize(..100),
                1 + dice.usize(..9),
                dice.usize(..10)
            )
        }
        _ => {
            let size = size(schema, "Length", dice);
            (0..size).filter_map(|_| dice.choice(LETTERS)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::judge::SchemaJudge;

    #[test]
    fn what_is_made_for_a_schema_fits_it() {
        let root = json!({
            "type": "object",
            "required": ["id", "lines"],
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "at": { "type": "string", "format": "date-time" },
                "lines": { "type": "array", "minItems": 1, "maxItems": 7, "items": { "oneOf": [
                    { "type": "integer", "format": "uint64", "minimum": 0 },
                    { "type": "string", "pattern": "^[a-z]{2,9}$" },
                    { "const": "x" },
                ] } },
                "lat": { "type": "number", "minimum": -90, "maximum": 90 },
                "share": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5 },
                "meters": { "type": "number", "minimum": 1_000_000 },
                "odd": { "type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2 },
                "note": { "type": ["string", "null"], "minLength": 1, "maxLength": 3 },
            },
            "anyOf": [{ "type": "object", "required": ["more"], "properties": { "more": { "type": "boolean" } } }],
        });
        let judge = SchemaJudge::new(&root).expect("a document");
        let schema = Schema::new(&judge, &root);
        let mut dice = Rng::with_seed(3);
        for _ in 0..200 {
            let value = sample(schema, &mut dice);
            assert_eq!(schema.judge(&value), [""; 0], "{value}");
        }
    }
}
