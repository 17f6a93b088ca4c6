//! Published schemas have nothing that other people's tools do not know.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::root;

/// The keywords of JSON Schema 2020-12 that are in use, beside those whose values are no schemas.
const KEYWORDS: &str = "$comment $defs $id $ref $schema additionalProperties allOf anyOf const contentMediaType \
     contentSchema default deprecated description enum examples exclusiveMaximum exclusiveMinimum format items \
     maxItems maxLength maximum minItems minLength minimum multipleOf not oneOf pattern patternProperties prefixItems \
     properties propertyNames readOnly required title type uniqueItems writeOnly";
/// The formats that Ajv's `ajv-formats`, OpenAPI's generators and datamodel-code-generator know.
const FORMATS: &str = "date date-time double duration email float hostname int32 int64 ipv4 ipv6 time uri \
     uri-reference uuid";

/// Notes what is unknown in a schema, and below it.
fn look(schema: &Value, at: &str, unknown: &mut BTreeSet<String>) {
    let is_in = |words: &str, word: &str| words.split_whitespace().any(|known| known == word);
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        let below = format!("{at}/{keyword}");
        if !is_in(KEYWORDS, keyword) {
            unknown.insert(below);
            continue;
        }
        match (keyword.as_str(), value) {
            ("format", Value::String(format)) if !is_in(FORMATS, format) => {
                unknown.insert(format!("{below}: {format}"));
            }
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                named.iter().for_each(|(name, one)| look(one, &format!("{below}/{name}"), unknown));
            }
            ("const" | "default" | "enum" | "examples", _) => {}
            (_, Value::Array(all)) => all.iter().for_each(|one| look(one, &below, unknown)),
            _ => look(value, &below, unknown),
        }
    }
}

/// Calls `look` for each schema of an OpenAPI document.
fn look_in_document(value: &Value, at: &str, unknown: &mut BTreeSet<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| look_in_document(one, at, unknown)),
        Value::Object(fields) => {
            for (name, below) in fields {
                let at = format!("{at}/{name}");
                match (name.as_str(), below) {
                    ("schema", _) => look(below, &at, unknown),
                    ("schemas", Value::Object(named)) => {
                        named
                            .iter()
                            .for_each(|(name, one)| look(one, &format!("{at}/{name}"), unknown));
                    }
                    ("example" | "examples", _) => {}
                    _ => look_in_document(below, &at, unknown),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn published_schemas_and_documents_have_keywords_and_formats_of_standards_alone() {
    let mut unknown = BTreeSet::new();
    let mut looked_at = 0;
    let mut read = |path: std::path::PathBuf, look: fn(&Value, &str, &mut BTreeSet<String>)| {
        let text = fs::read_to_string(&path).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        look(&json, &path.display().to_string(), &mut unknown);
        looked_at += 1;
    };
    let files = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    read(root().join("docs/contract.schema.json"), look);
    files("docs/schemas").into_iter().for_each(|path| read(path, look));
    files("docs/openapi").into_iter().for_each(|path| read(path, look_in_document));
    assert!(looked_at > 50, "{looked_at} files");
    assert!(unknown.is_empty(), "{unknown:#?}");
}
