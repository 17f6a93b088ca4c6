//! The system's document as a page for people: HTML and a style, no scripts, and nothing to load.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::openapi::components::object;
use crate::openapi::operation::METHODS;
use crate::openapi::prose::{escaped, inline, prose};

const STYLE: &str = include_str!("reference.css");
const SCHEMAS: &str = "#/components/schemas/";

/// Returns the page's Content-Security-Policy: only its own style may load.
pub(crate) fn policy() -> String {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// Returns the page.
pub(crate) fn page(document: &Value) -> String {
    let info = &document["info"];
    let title = escaped(text(&info["title"]));
    let mut contents = String::new();
    let mut main = format!("<h1>{title}</h1>{}", prose(text(&info["description"])));
    main += "<p><a href=\"openapi.json\">openapi.json</a> has all of this for programs.</p>";
    sign_in(&document["components"]["securitySchemes"], &mut main);
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let id = format!("tag-{}", escaped(name));
        contents += &format!("<li><a href=\"#{id}\">{}</a><ul>", escaped(name));
        main += &format!("<h2 id=\"{id}\">{}</h2>", escaped(name));
        main += &prose(text(&tag["description"]));
        for (path, item) in object(&document["paths"]) {
            let operations = METHODS.iter().filter_map(|method| Some((method, item.get(method)?)));
            for (method, operation) in operations.filter(|(_, one)| one["tags"][0] == name) {
                let heading = heading(method, path);
                let id = format!("do-{}", escaped(text(&operation["operationId"])));
                contents += &format!("<li><a href=\"#{id}\">{heading}</a></li>");
                let title = inline(text(&operation["summary"]));
                let title = format!("{heading} <span class=\"title\">{title}</span>");
                main += &folded_section(&id, &title, &described(operation));
            }
        }
        contents += "</ul></li>";
    }
    contents += "<li><a href=\"#schemas\">Schemas</a></li>";
    main += "<h2 id=\"schemas\">Schemas</h2>";
    for (name, schema) in object(&document["components"]["schemas"]) {
        let id = format!("schema-{}", escaped(name));
        main += &folded_section(
            &id,
            &format!("<code>{}</code>", escaped(name)),
            &schema_in_full(schema),
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\
         <nav aria-label=\"Contents\"><a class=\"skip\" href=\"#main\">To the text</a>\
         <ul>{contents}</ul></nav><main id=\"main\">{main}</main></body></html>\n"
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn heading(method: &str, path: &str) -> String {
    let name = method.to_uppercase();
    format!("<span class=\"method {method}\">{name}</span> <code>{}</code>", escaped(path))
}

/// Returns a folded section. The id is inside, since browsers open the section around a link's target.
fn folded_section(id: &str, title: &str, inner: &str) -> String {
    format!("<details><summary>{title}</summary><div id=\"{id}\">{inner}</div></details>")
}

fn sign_in(schemes: &Value, main: &mut String) {
    for (name, scheme) in object(schemes) {
        let header = match scheme["name"].as_str() {
            Some(header) => format!("{header}: ..."),
            None => "Authorization: Bearer ...".to_owned(),
        };
        let (name, header) = (escaped(name), escaped(&header));
        *main += &format!("<h3>Sign in: {name}</h3><p><code>{header}</code></p>");
        *main += &prose(text(&scheme["description"]));
    }
}

fn described(operation: &Value) -> String {
    let mut made = prose(text(&operation["description"]));
    made += &format!("<p class=\"soft\">{}</p>", audience(&operation["security"]));
    if let Some(parameters) = operation["parameters"].as_array() {
        let rows = parameters.iter().map(|one| {
            let place = format!("{}{}", text(&one["in"]), optional(one["required"] == true));
            row(&escaped(text(&one["name"])), &place, &type_of(&one["schema"]), one)
        });
        made += &table("Parameters", rows);
    }
    for (kind, media) in object(&operation["requestBody"]["content"]) {
        let (kind, schema) = (escaped(kind), type_of(&media["schema"]));
        made += &format!("<h3>Body</h3><p>{kind}: {schema}</p>");
        if let Some(example) = media.get("example") {
            let example = serde_json::to_string_pretty(example).unwrap_or_default();
            made += &format!("<pre tabindex=\"0\">{}</pre>", escaped(&example));
        }
    }
    let rows = object(&operation["responses"]).map(|(status, answer)| {
        let types = object(&answer["content"]).map(|(kind, media)| {
            let event =
                &media["schema"]["contentSchema"]["items"]["properties"]["data"]["contentSchema"];
            let event = (!event.is_null()).then(|| format!(", events of {}", type_of(event)));
            format!("{}: {}{}", escaped(kind), type_of(&media["schema"]), event.unwrap_or_default())
        });
        row(&escaped(status), "", &types.collect::<Vec<_>>().join("<br>"), answer)
    });
    made + &table("Answers", rows)
}

/// Returns who may use an operation.
fn audience(security: &Value) -> String {
    let choices: Vec<&Value> = security.as_array().into_iter().flatten().collect();
    let scopes = choices.iter().flat_map(|choice| object(choice)).next();
    let scopes: Vec<String> = scopes
        .and_then(|(_, scopes)| scopes.as_array())
        .into_iter()
        .flatten()
        .map(|scope| format!("<code>{}</code>", escaped(text(scope))))
        .collect();
    match (choices.is_empty(), scopes.is_empty()) {
        (true, _) => "For everybody.".to_owned(),
        (false, true) => "For everybody who signs in.".to_owned(),
        (false, false) => format!("For those who sign in with {}.", scopes.join(" and ")),
    }
}

fn optional(is_required: bool) -> &'static str {
    if is_required { "" } else { ", optional" }
}

fn table(title: &str, rows: impl Iterator<Item = String>) -> String {
    format!("<h3>{title}</h3><table>{}</table>", rows.collect::<String>())
}

/// `about` has a description.
fn row(name: &str, place: &str, kind: &str, about: &Value) -> String {
    let place = match place {
        "" => String::new(),
        place => format!(" <span class=\"soft\">{}</span>", escaped(place)),
    };
    let about = prose(text(&about["description"]));
    format!(
        "<tr><th scope=\"row\"><code>{name}</code>{place}</th><td>{about}<p class=\"soft\">{kind}</p></td></tr>"
    )
}

fn schema_in_full(schema: &Value) -> String {
    let mut made = prose(text(&schema["description"]));
    let is_object = schema["properties"].is_object();
    if !is_object {
        made += &format!("<p>{}</p>", type_of(schema));
    }
    let required = schema["required"].as_array();
    let rows = object(&schema["properties"]).map(|(name, one)| {
        let is_required =
            required.is_some_and(|all| all.iter().any(|known| known == name.as_str()));
        let place = optional(is_required).trim_start_matches(", ");
        row(&escaped(name), place, &type_of(one), one)
    });
    if is_object {
        made += &table("Fields", rows);
    }
    made
}

/// Returns a type in one line, with links to named ones.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.strip_prefix(SCHEMAS)) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (keyword, word) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")] {
        if let Some(all) = schema[keyword].as_array() {
            return all.iter().map(type_of).collect::<Vec<_>>().join(word);
        }
    }
    if let Some(texts) = schema["enum"].as_array() {
        let texts = texts.iter().map(|one| format!("<code>{}</code>", escaped(&plain(one))));
        return texts.collect::<Vec<_>>().join(" or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    let kind = match kind.as_str() {
        "" if !schema["const"].is_null() => format!("`{}`", plain(&schema["const"])),
        "" => "anything".to_owned(),
        _ => kind,
    };
    let mut made = inline(&kind);
    if schema["items"].is_object() {
        made += &format!(" of {}", type_of(&schema["items"]));
    }
    let fields = object(&schema["properties"]);
    let fields =
        fields.map(|(name, one)| format!("<code>{}</code>: {}", escaped(name), type_of(one)));
    let fields = fields.collect::<Vec<_>>().join(", ");
    if !fields.is_empty() {
        made += &format!(" ({fields})");
    }
    for (keyword, word) in [
        ("format", ""),
        ("minimum", "from "),
        ("maximum", "to "),
        ("minLength", "at least this long: "),
        ("maxLength", "at most this long: "),
        ("minItems", "at least this many: "),
        ("maxItems", "at most this many: "),
        ("pattern", "like "),
        ("default", "if it is missing: "),
    ] {
        if let Some(value) = schema.get(keyword) {
            made += &format!(", {word}<code>{}</code>", escaped(&plain(value)));
        }
    }
    made
}

/// Returns a text without its quotes; anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_every_operation_and_schema_and_loads_nothing() {
        let document = json!({
            "info": { "title": "A <b>shop</b>", "description": "1. Buy `it`.\n2. Wait." },
            "tags": [{ "name": "orders", "description": "Takes orders." }],
            "paths": { "/orders/{id}": { "get": {
                "operationId": "read", "summary": "Read it", "tags": ["orders"],
                "security": [{ "token": ["orders:read"] }],
                "parameters": [{ "name": "id", "in": "path", "required": true,
                    "description": "Which.", "schema": { "type": "string", "maxLength": 9 } }],
                "responses": { "200": { "description": "It.", "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } } },
            } } },
            "components": { "schemas": { "Order": { "type": "object", "required": ["lines"],
                "properties": { "lines": { "type": "array", "items": { "type": "integer" } },
                                "status": { "enum": ["placed", "paid"] } } } } },
        });
        let page = page(&document);
        for part in [
            "<title>A &lt;b&gt;shop&lt;/b&gt;</title>",
            "<ol><li>Buy <code>it</code>.</li><li>Wait.</li></ol>",
            "<a href=\"#do-read\">",
            "<div id=\"do-read\">",
            "For those who sign in with <code>orders:read</code>.",
            "string, at most this long: <code>9</code>",
            "application/json: <a href=\"#schema-Order\">Order</a>",
            "<div id=\"schema-Order\">",
            "array of integer",
            "<code>placed</code> or <code>paid</code>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        for loads in ["<script", "src=", "@import", "url(", "<link", "http"] {
            assert!(!page.contains(loads), "{loads}");
        }
    }
}
