//! Checks that client generators understand a document.

use std::collections::BTreeSet;

use serde_json::Value;

/// Returns what would break client generators in a document, one sentence each.
#[must_use]
pub fn lint(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            let at = format!("{method} {path}");
            let id = operation["operationId"].as_str().unwrap_or_default();
            if !is_name(id) || !ids.insert(id) {
                found.push(format!("{at}: {id:?} makes no name of a function, or is not unique"));
            }
            lint_operation(&at, path, operation, &mut found);
        }
    }
    lint_schemas(document, "the document", document, &mut found);
    found
}

fn lint_operation(at: &str, path: &str, operation: &Value, found: &mut Vec<String>) {
    let of_path: BTreeSet<&str> =
        path.split('/').filter_map(|one| one.strip_prefix('{')?.strip_suffix('}')).collect();
    let parameters = items(&operation["parameters"]).filter(|one| one["in"] == "path");
    let described: BTreeSet<&str> = parameters.filter_map(|one| one["name"].as_str()).collect();
    if of_path != described {
        found.push(format!("{at}: the path has {of_path:?}, described are {described:?}"));
    }
    let answers = entries(&operation["responses"]);
    let contents = answers.map(|(status, answer)| (status, &answer["content"]));
    for (what, content) in contents.chain([("the body", &operation["requestBody"]["content"])]) {
        // A generated client names its type after the component.
        let json = content.get("application/json");
        if json.is_some_and(|media| media["schema"].get("$ref").is_none()) {
            found.push(format!("{at}: {what}: its schema has no name among the components"));
        }
        let is_problem = entries(content).all(|(kind, _)| kind == "application/problem+json");
        if what.starts_with(['4', '5']) && !is_problem {
            found.push(format!("{at}: {what} is no problem"));
        }
    }
}

/// Checks that references resolve, and that each schema can be read.
fn lint_schemas(document: &Value, at: &str, value: &Value, found: &mut Vec<String>) {
    if let Some(place) = value.get("$ref").and_then(Value::as_str)
        && document.pointer(place.trim_start_matches('#')).is_none()
    {
        found.push(format!("{at}: {place} is not in the document"));
    }
    if items(&value["oneOf"]).any(|one| one.get("const").is_some()) {
        found.push(format!("{at}: a `oneOf` of constants is read wrong; use an `enum`"));
    }
    if value.get("enum").is_some_and(Value::is_array) && value.get("type").is_none() {
        found.push(format!("{at}: an `enum` without a `type`"));
    }
    if let Some(properties) = value.get("properties").and_then(Value::as_object) {
        let required = items(&value["required"]).filter_map(Value::as_str);
        for name in required.filter(|name| !properties.contains_key(*name)) {
            found.push(format!("{at}: {name:?} is required, and no property"));
        }
    }
    for (name, value) in entries(value) {
        if !matches!(name, "example" | "examples" | "default") {
            lint_schemas(document, &format!("{at}/{name}"), value, found);
        }
    }
    items(value).for_each(|item| lint_schemas(document, at, item, found));
}

/// Whether generated clients can use an id as a name.
fn is_name(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
