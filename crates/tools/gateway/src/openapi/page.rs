//! A composed page as an operation, whose parts are services' answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::file::{Config, PageConfig, PartConfig};
use crate::http::path::parameter;
use crate::openapi::components::{ComponentNames, Components, object};
use crate::openapi::operation::{add_refusals, security};
use crate::openapi::source::Documents;

/// # Errors
///
/// If the document of a part's service does not have its path.
pub(crate) fn operation(
    config: &Config,
    page: &PageConfig,
    documents: &Documents,
    names: &BTreeMap<String, ComponentNames>,
    components: &mut Components,
) -> Result<Value, String> {
    let mut properties = Map::new();
    for part in &page.parts {
        // A service without a document answers any JSON.
        let known = documents.get(&part.upstream).zip(names.get(&part.upstream));
        let schema = match known {
            Some((document, names)) => names.rewrite(answer(page, part, document)?),
            None => json!({}),
        };
        let or_none = || json!({ "anyOf": [schema, { "type": "null" }] });
        let schema = if part.optional { or_none() } else { schema };
        properties.insert(part.name.clone(), schema);
    }
    properties.insert("missing".to_owned(), missing(components));
    let required: Vec<&String> = properties.keys().collect();
    let parts: Vec<&str> = page.parts.iter().map(|part| part.name.as_str()).collect();
    let parts = parts.join(", ");
    let schema = json!({ "type": "object", "description": format!("In one answer: {parts}."),
        "required": required, "properties": properties });
    let words = page.path.split('/').filter(|part| !part.is_empty() && parameter(part).is_none());
    let words: Vec<&str> = words.flat_map(|part| part.split(['-', '.', '_'])).collect();
    let schema =
        components.add(&words.iter().map(|word| capitalised(word)).collect::<String>(), schema);
    let mut responses = json!({ "200": { "description": "The page.",
        "content": { "application/json": { "schema": schema } } } });
    add_refusals(&mut responses, !page.public, page.rate.is_some());
    let parameters = page.path.split('/').filter_map(parameter).map(|name| {
        json!({ "name": name, "in": "path", "required": true,
            "description": format!("The part `{name}` of the path."),
            "schema": { "type": "string" } })
    });
    Ok(json!({
        "operationId": words.join("_"),
        "summary": format!("Read in one request: {parts}"),
        "description": "An optional part that cannot be had is `null`, and `missing` says why.",
        "tags": ["pages"],
        "security": security(config, page.scopes.as_deref()),
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": responses,
    }))
}

/// The schema of a service's answer.
fn answer<'a>(
    page: &PageConfig,
    part: &PartConfig,
    document: &'a Value,
) -> Result<&'a Value, String> {
    let fits = |path: &str| {
        let mut pairs = part.path.split('/').zip(path.split('/'));
        path.split('/').count() == part.path.split('/').count()
            && pairs.all(|(own, theirs)| {
                own == theirs || (parameter(own).is_some() && parameter(theirs).is_some())
            })
    };
    let mut items = object(&document["paths"]).filter(|(path, _)| fits(path));
    let found = items.find_map(|(_, item)| item.get("get"));
    let operation = found.ok_or_else(|| {
        let (PartConfig { name, upstream, path, .. }, page) = (part, &page.path);
        format!(
            "the part {name} of the page {page} is GET {path}, which the OpenAPI document of \
             {upstream} does not have"
        )
    })?;
    Ok(match &operation["responses"]["200"]["content"]["application/json"]["schema"] {
        Value::Null => &Value::Bool(true),
        schema => schema,
    })
}

fn capitalised(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

fn missing(components: &mut Components) -> Value {
    let part = json!({
        "type": "object",
        "description": "A part of a page that could not be had.",
        "required": ["part", "status", "detail"],
        "properties": {
            "part": { "type": "string", "description": "Its name." },
            "status": { "type": "integer", "description": "What asking for it alone would have \
                                                           got." },
            "detail": { "type": "string", "description": "Why it is missing." },
        },
    });
    json!({ "type": "array", "description": "The parts that could not be had.",
        "items": components.add("MissingPart", part) })
}
