//! Assembles the system's document: the routes' operations, and the pages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::file::{Config, OpenApi, RouteConfig};
use crate::openapi::components::{ComponentNames, Components, object};
use crate::openapi::operation::{self, METHODS, exposed, is_by, path_by};
use crate::openapi::page;
use crate::openapi::source::{self, Documents};

/// Every client needs this, and no operation says it.
const ABOUT: &str = "Every answer has an `X-Request-Id`, which finds the request in the logs. Every \
refusal is `application/problem+json` with a sentence in `detail`. Where a limit holds, `RateLimit` \
and `RateLimit-Policy` say what is left.";

#[derive(Serialize)]
struct OpenApiDocument {
    openapi: &'static str,
    info: Value,
    tags: Vec<Value>,
    paths: Value,
    components: Value,
}

/// # Errors
///
/// If a service's document cannot be read, or lacks the target of a route.
pub(crate) fn of(config: &Config, config_file: &Path) -> Result<Option<String>, String> {
    let Some(openapi) = &config.openapi else { return Ok(None) };
    let documents = source::read(config, openapi, config_file)?;
    document(config, openapi, &documents).map(Some)
}

/// Readable JSON, the same text in every build.
///
/// # Errors
///
/// If no document has the target of a route or a page.
pub(crate) fn document(
    config: &Config,
    openapi: &OpenApi,
    documents: &Documents,
) -> Result<String, String> {
    let mut components = Components::new();
    let names: BTreeMap<String, ComponentNames> = documents
        .iter()
        .map(|(upstream, document)| (upstream.clone(), components.take(upstream, document)))
        .collect();
    let mut made = Paths::default();
    for route in config.routes.iter().filter(|route| route.documented) {
        let Some((document, names)) =
            documents.get(&route.upstream).zip(names.get(&route.upstream))
        else {
            continue;
        };
        made.route(config, route, document, names)?;
    }
    for page in &config.pages {
        let operation = page::operation(config, page, documents, &names, &mut components)?;
        made.put(&page.path, "get", "page", operation);
    }
    let mut paths = json!(made.paths);
    let mut used = json!(components.used_by(&paths));
    let schemes = operation::schemes(config);
    if !schemes.is_empty() {
        used["securitySchemes"] = schemes.into();
    }
    // A map's order depends on how serde_json was built.
    paths.sort_all_objects();
    used.sort_all_objects();
    let about = openapi.description.as_deref().unwrap_or_default().trim();
    let description = format!("{about}\n\n{ABOUT}");
    let whole = OpenApiDocument {
        openapi: "3.1.0",
        info: json!({ "title": openapi.title, "version": openapi.version,
            "description": description.trim() }),
        tags: tags(config, documents, &made.paths),
        paths,
        components: used,
    };
    let mut text = serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

#[derive(Debug, Default)]
struct Paths {
    paths: BTreeMap<String, BTreeMap<String, Value>>,
    ids: BTreeSet<String>,
}

impl Paths {
    fn route(
        &mut self,
        config: &Config,
        route: &RouteConfig,
        document: &Value,
        names: &ComponentNames,
    ) -> Result<(), String> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        for (path, item) in object(&document["paths"]) {
            let Some(outer) = path_by(route, path) else { continue };
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                if is_by(config, route, method, &outer) {
                    let operation = exposed(config, route, (item, operation), names);
                    self.put(&outer, method, &route.upstream, operation);
                    found.insert(method.to_uppercase());
                }
            }
        }
        // A HEAD has no description, as a GET without a body.
        let lost = route.methods.iter().map(|verb| verb.0.to_string());
        let lost = lost.filter(|verb| verb != "HEAD").find(|verb| !found.contains(verb));
        match lost {
            None => Ok(()),
            Some(verb) => {
                let (prefix, upstream) = (&route.prefix.0, &route.upstream);
                Err(format!(
                    "the route {verb} {prefix} leads to nothing that the OpenAPI document of \
                     {upstream} has"
                ))
            }
        }
    }

    /// Generated clients name their functions by the ids, which are unique.
    fn put(&mut self, path: &str, method: &str, of: &str, mut operation: Value) {
        let id = operation["operationId"].as_str().map(str::to_owned);
        let id = id.unwrap_or_else(|| format!("{method}{}", path.replace(['/', '{', '}'], "_")));
        let others = (2..).map(|number| format!("{of}_{id}_{number}"));
        let mut tried = [id.clone(), format!("{of}_{id}")].into_iter().chain(others);
        if let Some(free) = tried.find(|id| !self.ids.contains(id))
            && let Some(fields) = operation.as_object_mut()
        {
            self.ids.insert(free.clone());
            fields.insert("operationId".to_owned(), free.into());
        }
        self.paths.entry(path.to_owned()).or_default().insert(method.to_owned(), operation);
    }
}

fn tags(
    config: &Config,
    documents: &Documents,
    paths: &BTreeMap<String, BTreeMap<String, Value>>,
) -> Vec<Value> {
    let used: BTreeSet<&str> = paths
        .values()
        .flat_map(BTreeMap::values)
        .filter_map(|operation| operation["tags"][0].as_str())
        .collect();
    let of_upstreams = config.upstreams.iter().filter(|one| used.contains(one.name.as_str()));
    let mut tags: Vec<Value> = of_upstreams
        .map(|upstream| {
            let about = documents.get(&upstream.name).map(|one| one["info"]["description"].clone());
            match about {
                Some(Value::String(about)) => {
                    json!({ "name": upstream.name, "description": about })
                }
                _ => json!({ "name": upstream.name }),
            }
        })
        .collect();
    if used.contains("pages") {
        tags.push(json!({ "name": "pages", "description": "What several services know, in one \
            answer. A part that is away is missing, and the rest is there." }));
    }
    tags
}
