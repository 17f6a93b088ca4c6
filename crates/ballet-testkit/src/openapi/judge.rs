//! Judges whether a value fits a schema of a document.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use boon::{Compiler, Format, Schemas, ValidationError};
use serde_json::Value;

/// The URI of the document in the validator.
const DOCUMENT: &str = "document:/";

/// Judges values by the schemas of one document.
pub(super) struct SchemaJudge<'a> {
    root: &'a Value,
    /// The JSON Pointer of each part of the document, by the part's address in memory.
    places: HashMap<usize, String>,
    compiled: Mutex<(Compiler, Schemas)>,
}

impl<'a> SchemaJudge<'a> {
    pub(super) fn new(root: &'a Value) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.enable_content_assertions();
        for (name, func) in INTEGERS {
            compiler.register_format(Format { name, func: *func });
        }
        compiler.add_resource(DOCUMENT, root.clone()).map_err(|error| error.to_string())?;
        let mut places = HashMap::new();
        collect(root, &mut String::new(), &mut places);
        Ok(Self { root, places, compiled: Mutex::new((compiler, Schemas::new())) })
    }

    /// Returns the document.
    pub(super) const fn root(&self) -> &'a Value {
        self.root
    }

    /// Returns the faults of a value, each with its place. `schema` is a part of the document.
    pub(super) fn judge(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let Some(place) = self.places.get(&address(schema)) else {
            return vec![format!("the schema {schema} is no part of the document")];
        };
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let (compiler, schemas) = &mut *compiled;
        let schema = match compiler.compile(&format!("{DOCUMENT}#{place}"), schemas) {
            Ok(schema) => schema,
            Err(error) => return vec![format!("{place}: {error:#}")],
        };
        let mut wrong = Vec::new();
        if let Err(error) = schemas.validate(value, schema) {
            report(&error, &mut wrong);
        }
        wrong
    }
}

impl fmt::Debug for SchemaJudge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaJudge").finish_non_exhaustive()
    }
}

/// A check for one of the formats of whole numbers, which JSON Schema does not define.
type FormatCheck = fn(&Value) -> Result<(), Box<dyn std::error::Error>>;
const INTEGERS: &[(&str, FormatCheck)] = &[
    ("int32", |value| is_in(value, i32::MIN.into(), i32::MAX.into())),
    ("uint32", |value| is_in(value, 0, u32::MAX.into())),
    ("int64", |value| is_in(value, i64::MIN.into(), i64::MAX.into())),
    ("uint64", |value| is_in(value, 0, u64::MAX.into())),
];

fn is_in(value: &Value, least: i128, most: i128) -> Result<(), Box<dyn std::error::Error>> {
    let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match whole {
        Some(number) if (least..=most).contains(&number) => Ok(()),
        None if !value.is_number() => Ok(()),
        _ => Err(format!("it is not between {least} and {most}").into()),
    }
}

/// Reports the innermost faults. The outer ones only say that something inside is wrong.
fn report(error: &ValidationError<'_, '_>, wrong: &mut Vec<String>) {
    if error.causes.is_empty() {
        wrong.push(format!("#{}: {}", error.instance_location, error.kind));
    }
    error.causes.iter().for_each(|cause| report(cause, wrong));
}

/// Returns an address that identifies a part: the document does not move while it is read.
fn address(part: &Value) -> usize {
    std::ptr::from_ref(part).addr()
}

/// Collects the JSON Pointer of each part, as a URI fragment.
fn collect(part: &Value, place: &mut String, places: &mut HashMap<usize, String>) {
    places.insert(address(part), place.clone());
    let length = place.len();
    match part {
        Value::Object(fields) => {
            for (name, field) in fields {
                place.push('/');
                for byte in name.replace('~', "~0").replace('/', "~1").bytes() {
                    match byte {
                        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'~' => place.push(byte.into()),
                        _ => place.push_str(&format!("%{byte:02X}")),
                    }
                }
                collect(field, place, places);
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                place.push_str(&format!("/{index}"));
                collect(item, place, places);
                place.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let root = json!({ "paths": { "/carts/{id}": { "schema": {
            "type": "object",
            "required": ["id", "lines"],
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "at": { "type": "string", "format": "date-time" },
                "lines": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Line" } },
                "note": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
                "size": { "type": "integer", "format": "int32" },
                "json": { "type": "string", "contentMediaType": "application/json",
                    "contentSchema": { "type": "integer" } },
            },
        } } }, "$defs": { "Line": { "type": "integer", "minimum": 1, "maximum": 9 } } });
        let schema = &root["paths"]["/carts/{id}"]["schema"];
        let judge = SchemaJudge::new(&root).expect("a document");
        let id = "0193f7a0-0000-7000-8000-000000000001";
        let fits = json!({ "id": id, "lines": [1, 9], "note": null, "at": "2026-01-01T00:00:00.5Z",
            "size": 7, "json": "7" });
        assert_eq!(judge.judge(schema, &fits), [""; 0]);
        let wrong = |name: &str, value: Value| {
            let mut body = fits.clone();
            body[name] = value;
            judge.judge(schema, &body).join("; ")
        };
        for (name, value, place) in [
            ("lines", json!([]), "#/lines: "),
            ("lines", json!([1, 10]), "#/lines/1: "),
            ("id", json!("x"), "#/id: "),
            ("note", json!(7), "#/note: "),
            ("size", json!(2_147_483_648_u64), "#/size: "),
            ("json", json!("\"7\""), "want integer"),
            ("at", json!("now"), "#/at: "),
        ] {
            let said = wrong(name, value);
            assert!(said.contains(place), "{place} {said}");
        }
        let missing = judge.judge(schema, &json!({ "id": id })).join("; ");
        assert!(missing.starts_with("#: ") && missing.contains("lines"), "{missing}");
    }
}
