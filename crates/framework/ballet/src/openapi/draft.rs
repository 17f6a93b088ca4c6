//! The description of one route while it is being made.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::openapi::operation::Operation;

/// The address of the schemas of named types.
const COMPONENTS: &str = "#/components/schemas/";

/// The schema of every problem, in the document's components.
pub(crate) const PROBLEM: &str = "#/components/schemas/Problem";

const JSON: &str = "application/problem+json";

/// The description of one route while it is being made.
#[derive(Debug)]
pub struct Draft<'a> {
    generator: &'a mut SchemaGenerator,
    path: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    mistakes: &'a mut Vec<String>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        generator: &'a mut SchemaGenerator,
        mistakes: &'a mut Vec<String>,
        path: &'static str,
    ) -> Self {
        let (parameters, answers) = (Vec::new(), BTreeMap::new());
        Self { generator, path, parameters, body: None, answers, mistakes }
    }

    /// Returns the schema of a type; a named type becomes a component of the document.
    pub fn schema<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    /// Returns the schema of a type, which becomes no component.
    pub fn inline<T: JsonSchema>(&mut self) -> Value {
        T::json_schema(self.generator).to_value()
    }

    /// Adds a JSON body of the request whose objects have no fields but those of its types.
    pub fn body<T: JsonSchema>(&mut self) {
        let mut schema = self.schema::<T>();
        close(self.generator.definitions_mut(), &mut schema);
        self.put_body(&schema);
    }

    /// Adds a JSON body of the request that may have more fields than are read.
    pub fn open_body<T: JsonSchema>(&mut self) {
        let schema = self.schema::<T>();
        self.put_body(&schema);
    }

    fn put_body(&mut self, schema: &Value) {
        self.body = Some(json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        }));
    }

    /// Adds parameters: the properties of this schema.
    pub fn parameters(&mut self, place: &str, object: &Value) {
        let required: Vec<&str> =
            object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in object["properties"].as_object().into_iter().flatten() {
            let required = place == "path" || required.contains(&name.as_str());
            self.parameter(place, name, required, schema.clone());
        }
    }

    /// Refuses unknown parameters, since a query that ignored a mistyped name would answer a
    /// different question.
    pub(crate) fn only_known_parameters(&mut self, object: &Value) {
        if object["additionalProperties"] != false {
            let path = self.path;
            let mistake =
                "its query ignores unknown parameters; write #[serde(deny_unknown_fields)]";
            self.mistakes.push(format!("{path}: {mistake}"));
        }
    }

    pub(crate) fn only_parameter(&mut self, schema: Value) {
        let name = self.path.split('/').find_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        self.parameter("path", name.unwrap_or_default(), true, schema);
    }

    fn parameter(&mut self, place: &str, name: &str, required: bool, mut schema: Value) {
        let own = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let schema = never_null(schema);
        let description = own.or_else(|| self.described(&schema));
        let mut parameter =
            json!({ "name": name, "in": place, "required": required, "schema": schema });
        if let Some(text) = description {
            parameter["description"] = text;
        }
        self.parameters.push(parameter);
    }

    fn described(&self, schema: &Value) -> Option<Value> {
        let name = schema["$ref"].as_str()?.strip_prefix(COMPONENTS)?;
        self.generator.definitions().get(name)?.get("description").cloned()
    }

    /// Adds an answer with a JSON body.
    pub fn answers<T: JsonSchema>(&mut self, status: StatusCode, when: &str) {
        let schema = self.schema::<T>();
        let content = json!({ "application/json": { "schema": schema } });
        self.answer(status, json!({ "description": when, "content": content }));
    }

    /// Like [`Draft::answers`], with the description of the schema.
    pub(crate) fn shows<T: JsonSchema>(&mut self, status: StatusCode) {
        let schema = self.schema::<T>();
        let described = self.described(&schema);
        let when = described.as_ref().and_then(Value::as_str).unwrap_or("Done.");
        self.answers::<T>(status, when);
    }

    /// Adds an answer without a body.
    pub fn answers_nothing(&mut self, status: StatusCode, when: &str) {
        self.answer(status, json!({ "description": when }));
    }

    pub(crate) fn answers_events<T: JsonSchema>(&mut self, status: StatusCode, when: &str) {
        let data = self.schema::<T>();
        let name = data["$ref"].as_str().and_then(|place| place.strip_prefix(COMPONENTS));
        let kind = name.map_or("a value".to_owned(), |name| format!("the schema `{name}`"));
        let item = json!({
            "type": "object",
            "required": ["id", "data"],
            "properties": {
                "id": { "type": "string" },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": data,
                },
            },
        });
        let schema = json!({
            "type": "string",
            "description": format!("Server-sent events. The `data` of each is JSON: {}.", kind),
            "contentMediaType": "text/event-stream",
            "contentSchema": { "type": "array", "items": item },
        });
        let content = json!({ "text/event-stream": { "schema": schema } });
        self.answer(status, json!({ "description": when, "content": content }));
    }

    /// Adds an answer with a problem. If several arguments refuse with one status, it has all their reasons.
    pub fn refuses(&mut self, status: StatusCode, when: &str) {
        let before = self.answers.get(&status.as_u16()).and_then(|one| one["description"].as_str());
        let when = match before {
            Some(before) if before.contains(when) => before.to_owned(),
            Some(before) => format!("{before} {when}"),
            None => when.to_owned(),
        };
        let known = self.answers.get(&status.as_u16()).and_then(|one| one["content"].get(JSON));
        let content = known.cloned().unwrap_or(json!({ "schema": { "$ref": PROBLEM } }));
        let mut answer = json!({ "description": when, "content": { JSON: content } });
        if let Some(headers) = self.answers.get(&status.as_u16()).and_then(|one| one.get("headers"))
        {
            answer["headers"] = headers.clone();
        }
        self.answer(status, answer);
    }

    /// Adds a header to a status that was described before.
    pub fn header(&mut self, status: StatusCode, name: &str, description: &str, schema: &Value) {
        if let Some(answer) = self.answers.get_mut(&status.as_u16()) {
            let header = json!({ "description": description, "schema": schema });
            answer["headers"][name] = header;
        }
    }

    pub(crate) fn retry_after(&mut self, status: StatusCode) {
        let schema = json!({ "type": "integer", "minimum": 0 });
        self.header(status, "Retry-After", "The seconds to wait before the next try.", &schema);
    }

    fn answer(&mut self, status: StatusCode, answer: Value) {
        self.answers.insert(status.as_u16(), answer);
    }

    pub(crate) fn finish(mut self, tag: &str, operation: Operation) -> Value {
        let Operation { id, summary, about, example, answers, refusals, for_now } = operation;
        for (status, when) in refusals {
            self.refuses(status, when);
        }
        for (status, when) in for_now {
            self.refuses(status, when);
            self.retry_after(status);
        }
        for (status, when) in answers {
            match self.answers.get_mut(&status.as_u16()) {
                Some(answer) => answer["description"] = when.into(),
                None => self
                    .mistakes
                    .push(format!("{id} says when it answers {status}, but never does")),
            }
        }
        if self.body.is_some() != example.is_some() {
            self.mistakes.push(format!("{id}: a body has an example, and only a body"));
        }
        let mut made = Map::new();
        let mut put = |name: &str, value: Value| made.insert(name.to_owned(), value);
        put("operationId", id.into());
        put("summary", summary.into());
        put("tags", json!([tag]));
        if let Some(about) = about {
            put("description", about.into());
        }
        if !self.parameters.is_empty() {
            put("parameters", self.parameters.into());
        }
        if let Some(mut body) = self.body {
            if let Some(example) = example {
                body["content"]["application/json"]["example"] = example;
            }
            put("requestBody", body);
        }
        let answers = self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer));
        put("responses", Value::Object(answers.collect()));
        Value::Object(made)
    }
}

/// Closes the objects of a schema, and of those that it refers to, so that an unknown field is
/// refused.
fn close(definitions: &mut Map<String, Value>, schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(|one| close(definitions, one)),
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|place| place.strip_prefix(COMPONENTS));
            // One that refers to itself is not found again.
            if let Some((name, mut named)) = name.and_then(|name| definitions.remove_entry(name)) {
                close(definitions, &mut named);
                definitions.insert(name, named);
            }
            object.values_mut().for_each(|one| close(definitions, one));
            if object.get("properties").is_some_and(Value::is_object) {
                object.entry("additionalProperties").or_insert(false.into());
            }
        }
        _ => {}
    }
}

/// Removes null from the schema of an optional parameter, which is left out instead.
fn never_null(mut schema: Value) -> Value {
    let is_null = |one: &Value| *one == "null" || one["type"] == "null";
    let Some(object) = schema.as_object_mut() else { return schema };
    for keyword in ["anyOf", "type", "enum"] {
        let Some(Value::Array(choices)) = object.get_mut(keyword) else { continue };
        choices.retain(|one| !is_null(one) && !one.is_null());
        if keyword == "type" && choices.len() == 1 {
            let only = choices.remove(0);
            object.insert(keyword.to_owned(), only);
        } else if keyword == "anyOf"
            && choices.len() == 1
            && let Value::Object(only) = choices.remove(0)
        {
            object.remove(keyword);
            object.extend(only);
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    schema
}
