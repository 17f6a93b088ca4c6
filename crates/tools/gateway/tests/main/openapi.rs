//! The document of the whole system.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::gateway::{Folder, Gateway, command, problem};
use crate::support::raw::{self, nobody};
use crate::support::service::{TestService, json as answer};
use crate::support::tokens::{SigningKey, jwt, set};

/// No route leads to one of its operations.
fn orders() -> Value {
    let order = json!({ "$ref": "#/components/schemas/Order" });
    let good = json!({ "description": "The order.",
        "content": { "application/json": { "schema": order } } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "orders", "description": "Takes orders.", "version": "1" },
        "paths": {
            "/orders/{id}": {
                "parameters": [{ "name": "id", "in": "path", "required": true,
                    "schema": { "type": "string", "maxLength": 9 } }],
                "get": { "operationId": "read", "responses": { "200": good,
                    "404": { "description": "There is no such order." } } },
                "delete": { "operationId": "remove", "responses": { "204": { "description": "Gone." } } },
            },
            "/orders": { "post": { "operationId": "place", "requestBody": { "content": {} },
                "responses": { "201": good, "409": { "description": "There is one already." } } } },
            "/internal/rows": { "get": { "operationId": "rows", "responses": { "200": {
                "description": "All rows.", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Row" } } } } } } },
        },
        "components": { "schemas": {
            "Order": { "type": "object" }, "Row": { "type": "object" }
        } },
    })
}

const CONFIG: &str = "
[openapi]
title = \"A system\"
documents = \"documents\"

[[rate]]
name = \"few\"
requests = 10
window = \"1m\"

[[route]]
prefix = \"/api/orders\"
to = \"/orders\"
methods = [\"GET\"]
upstream = \"a\"
public = true
rate = \"few\"

[[route]]
prefix = \"/api/orders\"
to = \"/orders\"
methods = [\"POST\"]
upstream = \"a\"
scopes = [\"orders:write\"]

[[page]]
path = \"/pages/order/{order_id}\"
scopes = []
[[page.part]]
name = \"order\"
upstream = \"a\"
path = \"/orders/{order_id}\"
[[page.part]]
name = \"advice\"
upstream = \"b\"
path = \"/advice/{order_id}\"
optional = true
";

fn upstreams(a: &str, b: &str) -> String {
    raw::upstream("a", a) + &raw::upstream("b", b) + "documented = false\n"
}

fn folder(document: &Value) -> Folder {
    let folder = Folder::new();
    folder.write("jwks.json", &set(&[&SigningKey::ed25519("k")]));
    std::fs::create_dir_all(folder.path().join("documents")).unwrap();
    folder.write("documents/a.json", &document.to_string());
    folder
}

async fn document(gateway: &Gateway) -> Value {
    let answer = reqwest::get(gateway.at("/openapi.json")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn the_system_has_one_document_while_all_its_services_are_down() {
    let folder = folder(&orders());
    let down = upstreams(&nobody(), &nobody());
    let gateway = Gateway::start_in(&folder, &(jwt() + &down + CONFIG)).await;
    let document = document(&gateway).await;
    let paths = &document["paths"];
    let all: Vec<&String> = paths.as_object().unwrap().keys().collect();
    assert_eq!(all, ["/api/orders", "/api/orders/{id}", "/pages/order/{order_id}"]);
    assert_eq!(document["info"]["title"], "A system");
    assert_eq!(document["tags"][0], json!({ "name": "a", "description": "Takes orders." }));
    // Only the targets of routes, and the components that they need.
    assert_eq!(paths["/api/orders/{id}"]["delete"], Value::Null);
    assert_eq!(document["components"]["schemas"]["Row"], Value::Null);
    let (read, place) = (&paths["/api/orders/{id}"]["get"], &paths["/api/orders"]["post"]);
    assert_eq!((&read["security"], &read["tags"]), (&json!([]), &json!(["a"])));
    assert_eq!(place["security"], json!([{ "token": ["orders:write"] }]));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    // The path's parameters, and the gateway's answers beside the service's.
    assert_eq!(read["parameters"][0]["schema"]["maxLength"], 9);
    let statuses = |operation: &Value| -> Vec<String> {
        operation["responses"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(statuses(read), ["200", "404", "429", "default"]);
    assert_eq!(statuses(place), ["201", "401", "403", "409", "default"]);
    assert_eq!(place["responses"]["409"]["description"], "There is one already.");
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    let refused = &read["responses"]["default"];
    assert_eq!(refused["content"]["application/problem+json"]["schema"], problem);
    // Nothing is known of an optional part without a document.
    let page = &paths["/pages/order/{order_id}"]["get"];
    assert_eq!(page["parameters"][0]["name"], "order_id");
    let good = &page["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(*good, json!({ "$ref": "#/components/schemas/PagesOrder" }), "a client's type");
    let parts = &document["components"]["schemas"]["PagesOrder"]["properties"];
    assert_eq!(parts["order"], json!({ "$ref": "#/components/schemas/Order" }));
    assert_eq!(parts["advice"], json!({ "anyOf": [{}, { "type": "null" }] }));
    assert_eq!(parts["missing"]["type"], "array");
}

#[tokio::test]
async fn the_document_is_read_only_and_read_again_at_a_reload() {
    let folder = folder(&orders());
    let service = TestService::start(|_| answer(200, "{}")).await;
    let config = jwt() + &upstreams(&service.address, &service.address) + CONFIG;
    let gateway = Gateway::start_in(&folder, &config).await;
    let url = gateway.at("/openapi.json");
    let refused = Client::new().request(Method::POST, &url).send().await.unwrap();
    assert_eq!(refused.headers()["allow"], "GET");
    assert_eq!(problem(refused, 405).await, "/openapi.json takes GET");
    let head = Client::new().head(&url).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap()), (200, String::new()));
    let nothing = reqwest::get(gateway.at("/nothing")).await.unwrap();
    let hint = "there is nothing at /nothing; /openapi.json says what there is";
    assert_eq!(problem(nothing, 404).await, hint);
    assert_eq!(service.got().len(), 0, "no service is asked");
    let mut changed = orders();
    changed["info"]["description"] = json!("Takes more orders.");
    folder.write("documents/a.json", &changed.to_string());
    gateway.signal("-HUP");
    gateway.private_says("/metrics", 200, "gateway_reloads_total{outcome=\"ok\"} 1").await;
    assert_eq!(document(&gateway).await["tags"][0]["description"], "Takes more orders.");
}

#[test]
fn what_no_document_has_is_refused_with_a_sentence() {
    let check = |document: &Value, from: &str, to: &str| {
        let folder = folder(document);
        let upstreams = upstreams("http://127.0.0.1:1", "http://127.0.0.1:1");
        let text = (jwt() + &upstreams + CONFIG).replacen(from, to, 1);
        let file = folder.write("gateway.toml", &text);
        let (good, _, error) = command(&["check", file.to_str().unwrap()]);
        assert!(!good, "{to}");
        error
    };
    for (from, to, sentence) in [
        (
            "[\"POST\"]",
            "[\"POST\", \"PATCH\"]",
            "the route PATCH /api/orders leads to nothing that the OpenAPI document of a has",
        ),
        (
            "path = \"/orders/{order_id}\"",
            "path = \"/order/{order_id}\"",
            "the part order of the page /pages/order/{order_id} is GET /order/{order_id}, which the \
             OpenAPI document of a does not have",
        ),
        (
            "to = \"/orders\"",
            "to = \"/Orders\"",
            "leads to nothing that the OpenAPI document of a has",
        ),
        ("documented = false\n", "", "write `documented = false` if the upstream b has no OpenAPI"),
        ("/pages/order/{order_id}", "/openapi.json", "is the system's document, by [openapi]"),
    ] {
        let error = check(&orders(), from, to);
        assert!(error.contains(sentence), "{error}");
    }
    let mut old = orders();
    old["openapi"] = json!("3.0.3");
    let error = check(&old, "", "");
    assert!(error.contains("a.json: expected an OpenAPI 3.1 document, found \"3.0.3\""), "{error}");
}
