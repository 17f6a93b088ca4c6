//! The document as a page for people: HTML and a style, no scripts, nothing to load.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::openapi::components::object;
use crate::openapi::operation::METHODS;
use crate::openapi::prose::{inline, prose};
use crate::openapi::type_in_words::{code, joined, type_of};

const STYLE: &str = include_str!("reference.css");

/// Content-Security-Policy: only its own style may load.
pub(crate) fn policy() -> String {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

pub(crate) fn page(document: &Value) -> String {
    let (info, components) = (&document["info"], &document["components"]);
    let title = text(&info["title"]);
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Contents" {
                    a.skip href="#main" { "To the text" }
                    ul {
                        @for tag in &tags { (contents(document, text(&tag["name"]))) }
                        li { a href="#schemas" { "Schemas" } }
                    }
                }
                main #main {
                    h1 { (title) }
                    (prose(text(&info["description"])))
                    p { a href="openapi.json" { "openapi.json" } " has all of this for programs." }
                    (sign_in(&components["securitySchemes"]))
                    @for tag in &tags { (group(document, tag)) }
                    h2 #schemas { "Schemas" }
                    @for (name, schema) in object(&components["schemas"]) {
                        (folded_section(&format!("schema-{name}"), &html! { code { (name) } }, &schema_in_full(schema)))
                    }
                }
            }
        }
    };
    page.into_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn operations<'a>(
    document: &'a Value,
    tag: &'a str,
) -> impl Iterator<Item = (&'static str, &'a str, &'a Value)> {
    let of_path = |(path, item): (&'a String, &'a Value)| {
        let operations = METHODS.iter().filter_map(|method| Some((*method, item.get(method)?)));
        operations.map(move |(method, operation)| (method, path.as_str(), operation))
    };
    object(&document["paths"]).flat_map(of_path).filter(move |(.., one)| one["tags"][0] == tag)
}

fn contents(document: &Value, tag: &str) -> Markup {
    html! {
        li {
            a href={ "#tag-" (tag) } { (tag) }
            ul { @for (method, path, operation) in operations(document, tag) {
                li { a href={ "#do-" (text(&operation["operationId"])) } { (heading(method, path)) } }
            } }
        }
    }
}

fn group(document: &Value, tag: &Value) -> Markup {
    let name = text(&tag["name"]);
    html! {
        h2 id={ "tag-" (name) } { (name) }
        (prose(text(&tag["description"])))
        @for (method, path, operation) in operations(document, name) {
            @let id = format!("do-{}", text(&operation["operationId"]));
            @let title = html! { (heading(method, path)) " " span.title { (inline(text(&operation["summary"]))) } };
            (folded_section(&id, &title, &described(operation)))
        }
    }
}

fn heading(method: &str, path: &str) -> Markup {
    html! { span.method.(method) { (method.to_uppercase()) } " " code { (path) } }
}

/// The id is inside, since browsers open the section around a link's target.
fn folded_section(id: &str, title: &Markup, inner: &Markup) -> Markup {
    html! { details { summary { (title) } div id=(id) { (inner) } } }
}

fn sign_in(schemes: &Value) -> Markup {
    html! {
        @for (name, scheme) in object(schemes) {
            @let header = scheme["name"].as_str().map_or_else(
                || "Authorization: Bearer ...".to_owned(),
                |header| format!("{header}: ..."),
            );
            h3 { "Sign in: " (name) }
            p { code { (header) } }
            (prose(text(&scheme["description"])))
        }
    }
}

fn described(operation: &Value) -> Markup {
    let parameter = |one: &Value| {
        let place = format!("{}{}", text(&one["in"]), optional(one["required"] == true));
        row(text(&one["name"]), &place, &type_of(&one["schema"]), one)
    };
    let answer =
        |(status, answer): (&String, &Value)| row(status, "", &contents_of(answer), answer);
    html! {
        (prose(text(&operation["description"])))
        p.soft { (audience(&operation["security"])) }
        @if let Some(parameters) = operation["parameters"].as_array() {
            (table("Parameters", parameters.iter().map(parameter)))
        }
        @for (kind, media) in object(&operation["requestBody"]["content"]) {
            h3 { "Body" }
            p { (kind) ": " (type_of(&media["schema"])) }
            @if let Some(example) = media.get("example") { pre tabindex="0" { (format!("{example:#}")) } }
        }
        (table("Answers", object(&operation["responses"]).map(answer)))
    }
}

fn contents_of(answer: &Value) -> Markup {
    html! {
        @for (at, (kind, media)) in object(&answer["content"]).enumerate() {
            @if at > 0 { br; }
            (kind) ": " (type_of(&media["schema"]))
            @let event = &media["schema"]["contentSchema"]["items"]["properties"]["data"]["contentSchema"];
            @if !event.is_null() { ", events of " (type_of(event)) }
        }
    }
}

fn audience(security: &Value) -> Markup {
    let choices: Vec<&Value> = security.as_array().into_iter().flatten().collect();
    let scopes = choices.iter().flat_map(|choice| object(choice)).next();
    let scopes = scopes.and_then(|(_, scopes)| scopes.as_array()).map_or(&[][..], Vec::as_slice);
    html! {
        @match (choices.is_empty(), scopes.is_empty()) {
            (true, _) => "For everybody.",
            (false, true) => "For everybody who signs in.",
            (false, false) => { "For those who sign in with " (joined(scopes.iter().map(code), " and ")) "." },
        }
    }
}

fn optional(is_required: bool) -> &'static str {
    if is_required { "" } else { ", optional" }
}

fn table(title: &str, rows: impl Iterator<Item = Markup>) -> Markup {
    html! { h3 { (title) } table { @for row in rows { (row) } } }
}

fn row(name: &str, place: &str, kind: &Markup, about: &Value) -> Markup {
    html! {
        tr {
            th scope="row" { code { (name) } @if !place.is_empty() { " " span.soft { (place) } } }
            td { (prose(text(&about["description"]))) p.soft { (kind) } }
        }
    }
}

fn schema_in_full(schema: &Value) -> Markup {
    let required = schema["required"].as_array();
    let field = |(name, one): (&String, &Value)| {
        let is_required =
            required.is_some_and(|all| all.iter().any(|known| known == name.as_str()));
        let place = optional(is_required).trim_start_matches(", ");
        row(name, place, &type_of(one), one)
    };
    html! {
        (prose(text(&schema["description"])))
        @if schema["properties"].is_object() { (table("Fields", object(&schema["properties"]).map(field))) }
        @else { p { (type_of(schema)) } }
    }
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
            "<ol>\n<li>Buy <code>it</code>.</li>\n<li>Wait.</li>\n</ol>",
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
