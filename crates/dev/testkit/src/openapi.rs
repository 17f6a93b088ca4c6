//! Checks that client generators understand a document: the names, descriptions and schemas that a generated client is
//! made of.

use std::collections::BTreeSet;

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The fields that an object of the document needs, for OpenAPI 3.1 or for the client that is made of it.
type NeededFields = &'static [&'static str];

const ROOT: NeededFields = &["openapi", "info", "paths"];
const INFO: NeededFields = &["title", "version"];
const OPERATION: NeededFields = &["operationId", "summary", "tags", "responses"];
const PARAMETER: NeededFields = &["name", "in", "description", "required", "schema"];
const BODY: NeededFields = &["content"];
const ANSWER: NeededFields = &["description"];
const HEADER: NeededFields = &["description", "schema"];
const MEDIA: NeededFields = &["schema"];
/// Its schema describes text.
const STREAM: &str = "text/event-stream";

/// Returns what would break client generators in a document, one sentence each.
#[must_use]
pub fn lint(document: &Value) -> Vec<String> {
    let mut lint = DocumentLint { document, found: Vec::new(), used: BTreeSet::new() };
    lint.all();
    lint.found
}

struct DocumentLint<'a> {
    document: &'a Value,
    found: Vec<String>,
    used: BTreeSet<&'a str>,
}

impl<'a> DocumentLint<'a> {
    fn all(&mut self) {
        let document = self.document;
        self.fields("the document", document, ROOT);
        self.fields("info", &document["info"], INFO);
        let mut ids = BTreeSet::new();
        for (path, item) in entries(&document["paths"]) {
            for (method, operation) in entries(item) {
                let at = format!("{method} {path}");
                if !METHODS.contains(&method) {
                    self.found.push(format!("{at} is no operation"));
                    continue;
                }
                let id = operation["operationId"].as_str().unwrap_or_default();
                if !ids.insert(id) {
                    self.found.push(format!("{at}: another operation has the id {id:?}, too"));
                }
                if !is_name(id) {
                    self.found.push(format!("{at}: {id:?} makes no name of a function"));
                }
                self.operation(&at, path, operation);
            }
        }
        self.schemas("the document", document);
        for (name, schema) in entries(&document["components"]["schemas"]) {
            if !self.used.contains(name) {
                self.found.push(format!("nothing refers to the schema {name}"));
            }
            if schema["description"].as_str().is_none_or(str::is_empty) {
                self.found.push(format!("the schema {name} has no description"));
            }
        }
    }

    fn operation(&mut self, at: &str, path: &str, operation: &'a Value) {
        self.fields(at, operation, OPERATION);
        self.parameters(at, path, &operation["parameters"]);
        let declared = self.document["tags"].as_array();
        for tag in items(&operation["tags"]) {
            if declared.is_some_and(|all| !all.iter().any(|one| one["name"] == *tag)) {
                self.found.push(format!("{at}: the tag {tag} is not among the document's"));
            }
        }
        for scheme in items(&operation["security"]).flat_map(entries).map(|(name, _)| name) {
            if self.document["components"]["securitySchemes"].get(scheme).is_none() {
                self.found.push(format!("{at}: nothing says what the credentials {scheme} are"));
            }
        }
        if let Some(body) = operation.get("requestBody") {
            let at = format!("{at}: the body");
            self.fields(&at, body, BODY);
            self.content(&at, &body["content"]);
        }
        for (status, answer) in entries(&operation["responses"]) {
            let at = format!("{at}: {status}");
            self.fields(&at, answer, ANSWER);
            for (name, header) in entries(&answer["headers"]) {
                let place = header["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
                let header = place.and_then(|place| self.document.pointer(place)).unwrap_or(header);
                self.fields(&format!("{at}: the header {name}"), header, HEADER);
            }
            let kinds: Vec<&str> = entries(&answer["content"]).map(|(kind, _)| kind).collect();
            let is_refusal = status >= "400";
            if is_refusal && kinds != ["application/problem+json"] {
                self.found.push(format!("{at} is {kinds:?}, no problem"));
            }
            self.content(&at, &answer["content"]);
        }
        if !entries(&operation["responses"]).any(|(status, _)| status.starts_with('2')) {
            self.found.push(format!("{at} never succeeds"));
        }
    }

    fn parameters(&mut self, at: &str, path: &str, parameters: &'a Value) {
        let mut known = BTreeSet::new();
        for parameter in items(parameters) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            self.fields(&format!("{at}: the parameter {name:?}"), parameter, PARAMETER);
            if !known.insert((place, name)) {
                self.found.push(format!("{at}: the {place} has two parameters {name:?}"));
            }
            if place == "path" && parameter["required"] != true {
                self.found.push(format!("{at}: {name:?} is in the path, and not required"));
            }
        }
        let of_path: BTreeSet<&str> =
            path.split('/').filter_map(|one| one.strip_prefix('{')?.strip_suffix('}')).collect();
        let described: BTreeSet<&str> =
            known.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name).collect();
        if of_path != described {
            self.found.push(format!("{at}: the path has {of_path:?}, described are {described:?}"));
        }
    }

    /// A generated client names its type after the component.
    fn content(&mut self, at: &str, content: &'a Value) {
        for (kind, media) in entries(content) {
            let at = format!("{at}, {kind}");
            self.fields(&at, media, MEDIA);
            if kind == "application/json" && media["schema"].get("$ref").is_none() {
                self.found.push(format!("{at}: its schema has no name among the components"));
            }
            if kind == STREAM && media["schema"]["type"] != "string" {
                self.found.push(format!("{at}: a stream is a text, and its schema says otherwise"));
            }
        }
    }

    /// Checks that references resolve and that each schema has a type.
    fn schemas(&mut self, at: &str, value: &'a Value) {
        if let Some(place) = value.get("$ref").and_then(Value::as_str) {
            let place = place.strip_prefix('#').unwrap_or(place);
            if self.document.pointer(place).is_none() {
                self.found.push(format!("{at}: {place} is not in the document"));
            }
            self.used.extend(place.strip_prefix("/components/schemas/"));
        }
        if items(&value["oneOf"]).any(|one| one.get("const").is_some()) {
            self.found.push(format!("{at}: a `oneOf` of constants is read wrong; use an `enum`"));
        }
        if value.get("enum").is_some_and(Value::is_array) && value.get("type").is_none() {
            self.found.push(format!("{at}: an `enum` without a `type`"));
        }
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            let required = items(&value["required"]).filter_map(Value::as_str);
            for name in required.filter(|name| !properties.contains_key(*name)) {
                self.found.push(format!("{at}: {name:?} is required, and no property"));
            }
        }
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    if !matches!(name.as_str(), "example" | "examples" | "default") {
                        self.schemas(&format!("{at}/{name}"), value);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.schemas(at, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fields(&mut self, at: &str, object: &Value, needed: NeededFields) {
        for name in needed.iter().filter(|name| is_nothing(&object[**name])) {
            self.found.push(format!("{at} has no {name}"));
        }
    }
}

/// Whether generated clients can use an id as a name.
fn is_name(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "openapi": "3.1.0",
            "info": { "title": "Notes", "version": "1" },
            "paths": { "/notes/{number}": { "get": {
                "operationId": "read_note",
                "summary": "Read a note",
                "tags": ["notes"],
                "parameters": [{ "name": "number", "in": "path", "required": true,
                    "description": "A note, by its number.", "schema": { "type": "integer" } }],
                "responses": {
                    "200": { "description": "The note.", "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Note" } } } },
                },
            } } },
            "components": { "schemas": { "Note": {
                "type": "object", "description": "A note.", "required": ["text"],
                "properties": { "text": { "type": "string" } },
            } } },
        })
    }

    #[test]
    fn what_a_generator_stumbles_over_is_found() {
        assert_eq!(lint(&document()), [""; 0]);
        let note = "/components/schemas/Note";
        let get = "/paths/~1notes~1{number}/get";
        for (place, value, expected) in [
            (format!("{get}/operationId"), json!("read-note"), "makes no name of a function"),
            (format!("{get}/summary"), json!(""), "get /notes/{number} has no summary"),
            (format!("{get}/tags"), json!([]), "get /notes/{number} has no tags"),
            (format!("{get}/parameters/0/description"), json!(""), "\"number\" has no description"),
            (format!("{get}/parameters/0/name"), json!("id"), "the path has {\"number\"}"),
            (
                format!("{get}/parameters/0/required"),
                json!(false),
                "is in the path, and not required",
            ),
            (format!("{get}/responses/200/description"), json!(""), "200 has no description"),
            (format!("{get}/responses"), json!({}), "get /notes/{number} never succeeds"),
            (format!("{get}/responses/200/content/application~1json/schema"), json!({}), "no name"),
            (format!("{note}/required"), json!(["title"]), "is required, and no property"),
            (format!("{note}/properties/text"), json!({ "enum": ["a"] }), "without a `type`"),
            (
                format!("{note}/properties/text"),
                json!({ "$ref": "#/no" }),
                "is not in the document",
            ),
            (
                format!("{note}/properties/text"),
                json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }),
                "a `oneOf` of constants",
            ),
            (format!("{note}/description"), json!(""), "the schema Note has no description"),
            ("/components/schemas".to_owned(), json!({}), "is not in the document"),
        ] {
            let mut document = document();
            *document.pointer_mut(&place).expect("a place in the document") = value;
            let found = lint(&document).join("\n");
            assert!(found.contains(expected), "{place}: {expected} is not in\n{found}");
        }
        let mut twice = document();
        twice["paths"]["/note/{number}"] = twice["paths"]["/notes/{number}"].clone();
        twice["components"]["schemas"]["Left"] =
            json!({ "type": "string", "description": "Alone." });
        twice["tags"] = json!([{ "name": "other" }]);
        twice["paths"]["/note/{number}"]["get"]["security"] = json!([{ "token": [] }]);
        let found = lint(&twice).join("\n");
        for expected in [
            "another operation has the id \"read_note\", too",
            "nothing refers to the schema Left",
            "the tag \"notes\" is not among the document's",
            "nothing says what the credentials token are",
        ] {
            assert!(found.contains(expected), "{expected} is not in\n{found}");
        }
    }
}
