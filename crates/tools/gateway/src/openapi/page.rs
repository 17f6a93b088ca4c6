//! A composed page as an operation, whose parts are services' answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::file::{Config, IdempotencyKey, PageConfig, PartConfig};
use crate::openapi::components::{ComponentNames, Components, object};
use crate::openapi::operation::{ServiceOperation, resolved, security};
use crate::openapi::refusals::{self, Demands, RETRY_AFTER};
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
    let mut parameters: BTreeMap<&str, Value> = BTreeMap::new();
    let (mut properties, mut responses) = (Map::new(), Map::new());
    for part in &page.parts {
        // A service without a document answers any JSON.
        let Some((document, names)) = documents.get(&part.upstream).zip(names.get(&part.upstream))
        else {
            properties.insert(part.name.clone(), json!({}));
            continue;
        };
        let (path, of) = find_operation(document, part).ok_or_else(|| {
            let PartConfig { name, upstream, path, .. } = part;
            let page = &page.path;
            format!(
                "the part {name} of the page {page} is GET {path}, which the OpenAPI document \
                     of {upstream} does not have"
            )
        })?;
        for (own, theirs) in part.path.split('/').zip(path.split('/')) {
            if let (Some(own), Some(theirs)) = (parameter(own), parameter(theirs)) {
                parameters.entry(own).or_insert_with(|| match parameter_of(of, theirs) {
                    Some(found) => json!({ "name": own, "in": "path", "required": true,
                        "description": found["description"],
                        "schema": names.rewrite(&found["schema"]) }),
                    None => any_text(own),
                });
            }
        }
        let answers = &of.operation["responses"];
        let good = &resolved(document, &answers["200"])["content"]["application/json"]["schema"];
        let mut schema = match good {
            Value::Null => json!({}),
            schema => names.rewrite(schema),
        };
        if part.optional {
            schema = json!({ "anyOf": [schema, { "type": "null" }] });
        } else {
            for (status, answer) in object(answers) {
                let refused = status.parse().ok().filter(|status| (400..500).contains(status));
                let when = &resolved(document, answer)["description"];
                if let (Some(status), Some(when)) = (refused, when.as_str()) {
                    refusals::refuse(&mut responses, status, when);
                    let wait = &resolved(document, answer)["headers"][RETRY_AFTER];
                    if !wait.is_null() {
                        refusals::header(&mut responses, status, RETRY_AFTER, wait.clone());
                    }
                }
            }
        }
        properties.insert(part.name.clone(), schema);
    }
    for name in page.path.split('/').filter_map(parameter) {
        parameters.entry(name).or_insert_with(|| any_text(name));
    }
    let optional = || page.parts.iter().filter(|part| part.optional).map(|part| part.name.as_str());
    let always = page.parts.iter().filter(|part| !part.optional).map(|part| part.name.as_str());
    let mut about = format!("Always there: {}.", list(always));
    if optional().next().is_some() {
        about += &format!(
            " If it cannot be had, `null`: {}; `missing` then says why.",
            list(optional())
        );
    }
    let part = components.add("MissingPart", missing_part());
    properties.insert(
        "missing".to_owned(),
        json!({ "type": "array", "description": "The parts that could not be had.", "items": part }),
    );
    let literals =
        page.path.split('/').filter(|part| !part.is_empty() && parameter(part).is_none());
    let words: Vec<&str> = literals.flat_map(|part| part.split(['-', '.', '_'])).collect();
    let parts = list(page.parts.iter().map(|part| part.name.as_str()));
    let required: Vec<&String> = properties.keys().collect();
    let schema = json!({ "type": "object", "description": format!("In one answer: {parts}."),
        "required": required, "properties": properties });
    let schema =
        components.add(&words.iter().map(|word| capital(word)).collect::<String>(), schema);
    let good = json!({ "description": "The page.",
        "content": { "application/json": { "schema": schema } } });
    responses.insert("200".to_owned(), good);
    let demands = Demands {
        sign_in: !page.public,
        scopes: page.scopes.as_ref().is_some_and(|scopes| !scopes.is_empty()),
        rate: page.rate.is_some(),
        body: None,
        idempotency: IdempotencyKey::Off,
    };
    refusals::add(config, demands, &mut responses);
    Ok(json!({
        "operationId": words.join("_"),
        "summary": format!("Read in one request: {parts}"),
        "description": about,
        "tags": ["pages"],
        "security": security(config, page.scopes.as_deref()),
        "parameters": parameters.into_values().collect::<Vec<_>>(),
        "responses": responses,
    }))
}

fn find_operation<'a>(
    document: &'a Value,
    part: &PartConfig,
) -> Option<(&'a str, ServiceOperation<'a>)> {
    let fits = |path: &str| {
        let mut pairs = part.path.split('/').zip(path.split('/'));
        path.split('/').count() == part.path.split('/').count()
            && pairs.all(|(own, theirs)| {
                own == theirs || (parameter(own).is_some() && parameter(theirs).is_some())
            })
    };
    let (path, item) = object(&document["paths"]).find(|(path, _)| fits(path))?;
    let operation = item.get("get")?;
    Some((path, ServiceOperation { document, item, operation }))
}

fn parameter_of<'a>(of: ServiceOperation<'a>, name: &str) -> Option<&'a Value> {
    let lists = [&of.operation["parameters"], &of.item["parameters"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.map(|one| resolved(of.document, one)).find(|one| one["in"] == "path" && one["name"] == name)
}

fn any_text(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true,
        "description": format!("The part `{name}` of the path."), "schema": { "type": "string" } })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `None` if the segment is no parameter.
fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn missing_part() -> Value {
    json!({
        "type": "object",
        "description": "A part of a page that could not be had.",
        "required": ["part", "status", "detail"],
        "properties": {
            "part": { "type": "string", "description": "Its name." },
            "status": { "type": "integer", "description": "What asking for it alone would have \
                                                           got." },
            "detail": { "type": "string", "description": "Why it is missing." },
        },
    })
}
