//! The parts of an OpenAPI document that requests and answers need.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::openapi::judge::SchemaJudge;
use crate::openapi::schema::Schema;

/// The methods of an operation.
pub(super) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// An OpenAPI document.
#[derive(Debug)]
pub(super) struct ApiDocument<'a> {
    pub(super) operations: Vec<RouteOperation<'a>>,
    /// The methods of each path, in capitals.
    pub(super) methods: BTreeMap<&'a str, Vec<String>>,
}

/// An operation on a route.
#[derive(Debug)]
pub(super) struct RouteOperation<'a> {
    pub(super) id: &'a str,
    pub(super) method: String,
    pub(super) path: &'a str,
    pub(super) parameters: Vec<Parameter<'a>>,
    /// The JSON body, with its example.
    pub(super) body: Option<(Schema<'a>, &'a Value)>,
    /// The answers by status: content types with their schemas.
    pub(super) answers: BTreeMap<u16, BTreeMap<&'a str, Schema<'a>>>,
}

/// A parameter of a route.
#[derive(Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    /// `path`, `query` or `header`.
    pub(super) place: &'static str,
    pub(super) required: bool,
    pub(super) schema: Schema<'a>,
}

impl<'a> ApiDocument<'a> {
    pub(super) fn read(judge: &'a SchemaJudge<'a>) -> Result<Self, String> {
        let root = judge.root();
        if root["openapi"].as_str().is_none_or(|version| !version.starts_with("3.1.")) {
            return Err(format!("it is no OpenAPI 3.1 document: {}", root["openapi"]));
        }
        let (mut operations, mut methods) = (Vec::new(), BTreeMap::new());
        for (path, item) in entries(&root["paths"]) {
            for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
                let operation = RouteOperation::read(judge, path, method, &item[*method])?;
                let all: &mut Vec<String> = methods.entry(path).or_default();
                all.push(operation.method.clone());
                operations.push(operation);
            }
        }
        Ok(Self { operations, methods })
    }
}

impl<'a> RouteOperation<'a> {
    fn read(
        judge: &'a SchemaJudge<'a>,
        path: &'a str,
        method: &str,
        node: &'a Value,
    ) -> Result<Self, String> {
        let schema = |node: &'a Value| Schema::new(judge, node);
        let id = node["operationId"].as_str().ok_or(format!("{method} {path} has no id"))?;
        let mut parameters = Vec::new();
        for parameter in node["parameters"].as_array().into_iter().flatten() {
            let text =
                |name| parameter[name].as_str().ok_or(format!("{id}: a parameter has no {name}"));
            parameters.push(Parameter {
                name: text("name")?,
                place: match text("in")? {
                    "path" => "path",
                    "query" => "query",
                    "header" => "header",
                    other => return Err(format!("{id}: a parameter is in {other}")),
                },
                required: parameter["required"] == true,
                schema: schema(&parameter["schema"]),
            });
        }
        let body = node.get("requestBody").map(|body| {
            let body = &body["content"]["application/json"];
            (schema(&body["schema"]), &body["example"])
        });
        let mut answers = BTreeMap::new();
        for (status, answer) in entries(&node["responses"]) {
            let status = status.parse().map_err(|_| format!("{id}: {status} is no status"))?;
            let contents = entries(&answer["content"]);
            // A stream is judged event by event.
            let judged = |content: &'a Value| match &content["schema"]["contentSchema"]["items"] {
                Value::Null => &content["schema"],
                event => event,
            };
            let contents = contents.map(|(kind, content)| (kind, schema(judged(content))));
            answers.insert(status, contents.collect());
        }
        Ok(Self { id, method: method.to_uppercase(), path, parameters, body, answers })
    }
}

/// Returns the fields of an object, and nothing for other values.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
