//! Dangling references in schemas. Each allows anything: it contradicts no reader, and every body fits.

use std::collections::BTreeSet;

use ballet_core::rules::catalogue;
use ballet_core::{Problem, ServiceContract};
use serde_json::Value;

use crate::contracts::bodies;

pub(crate) fn problems(contract: &ServiceContract) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (what, schema) in bodies::schemas(contract) {
        let mut found = BTreeSet::new();
        collect(&schema, &schema, &mut found);
        problems.extend(found.into_iter().map(|reference| Problem {
            rule: &catalogue::SCHEMA_REFERENCE,
            service: contract.service().to_owned(),
            of: what.name().to_owned(),
            detail: format!(
                "the schema of {} in the contract of {} refers to {reference:?}, which is not in it: write that under \
                 its \"$defs\", and refer to it as \"#/$defs/Name\", with letters, digits and underscores",
                what.name(),
                contract.service()
            ),
        }));
    }
    problems
}

fn collect<'a>(whole: &'a Value, part: &'a Value, found: &mut BTreeSet<&'a str>) {
    match part {
        Value::Object(fields) => {
            for (keyword, value) in fields {
                match (keyword.as_str(), value) {
                    ("$ref", Value::String(reference)) => {
                        let path = reference.strip_prefix('#');
                        if path.and_then(|path| whole.pointer(path)).is_none() {
                            found.insert(reference);
                        }
                    }
                    // These keywords have data, not schemas.
                    ("const" | "enum" | "default" | "examples", _) => {}
                    // Names in these keywords are not keywords.
                    (
                        "properties" | "patternProperties" | "$defs" | "definitions",
                        Value::Object(named),
                    ) => named.values().for_each(|part| collect(whole, part, found)),
                    _ => collect(whole, value, found),
                }
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect(whole, part, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_that_leads_nowhere_is_found_wherever_it_stands() {
        let schema = json!({
            "properties": {
                "order": { "$ref": "#" },
                "total": { "$ref": "#/$defs/Money" },
                "default": { "items": { "$ref": "#/$defs/Monney" } },
                "place": { "anyOf": [{ "$ref": "https://example.com/place.json" }, { "type": "null" }] },
                "$ref": { "type": "string" },
            },
            "examples": [{ "$ref": "#/elsewhere" }],
            "additionalProperties": { "$ref": "#money" },
            "$defs": { "Money": { "properties": { "currency": { "$ref": "#/$defs/Currency" } } } },
        });
        let mut found = BTreeSet::new();
        collect(&schema, &schema, &mut found);
        let expected =
            ["#/$defs/Currency", "#/$defs/Monney", "#money", "https://example.com/place.json"];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
