//! The trial of HTTP routes finds where a document is wrong.

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use ballet_testkit::openapi::try_out;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Serves these routes, with a document that has one operation for each of these paths.
async fn findings(routes: Router, paths: Value) -> String {
    let document = json!({ "openapi": "3.1.0", "paths": paths });
    let routes = routes.route("/openapi.json", get(|| async move { axum::Json(document) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let served = tokio::spawn(async move { axum::serve(listener, routes).await });
    let findings = try_out(&url, 1, 20).await.expect("a document");
    served.abort();
    findings.join("\n")
}

fn operation(id: &str, answers: &Value) -> Value {
    json!({ "operationId": id, "responses": answers })
}

fn number() -> Value {
    json!({ "200": { "content": { "application/json": { "schema": { "type": "integer" } } } } })
}

fn found(findings: &str, expected: &str) {
    assert!(findings.contains(expected), "{expected:?} is not in\n{findings}");
}

#[tokio::test]
async fn an_answer_that_the_document_does_not_have_is_found() {
    let routes = Router::new()
        .route("/text", get(|| async { axum::Json("one") }))
        .route("/teapot", get(|| async { StatusCode::IM_A_TEAPOT }))
        .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/plain", get(|| async { "1" }));
    let paths = json!({
        "/text": { "get": operation("read_text", &number()) },
        "/teapot": { "get": operation("make_tea", &number()) },
        "/broken": { "get": operation("fail", &number()) },
        "/plain": { "get": operation("read_plain", &number()) },
    });
    let findings = findings(routes, paths).await;
    found(
        &findings,
        "read_text: the body does not fit its schema: #: want integer, but got string",
    );
    found(&findings, "make_tea: the status 418 is not declared");
    found(&findings, "make_tea never answered with success");
    found(&findings, "fail: the service failed");
    found(&findings, "read_plain: the content type \"text/plain\" is not declared");
}

#[tokio::test]
async fn a_refusal_that_names_nothing_is_found() {
    // The route accepts only even numbers, which the document does not say, and refuses in plain text.
    let read = |body: String| async move {
        match serde_json::from_str::<Value>(&body).ok().and_then(|body| body["n"].as_i64()) {
            Some(even) if even % 2 == 0 => axum::Json(even).into_response(),
            Some(_) => {
                let problem = json!({ "status": 400, "detail": "odd" }).to_string();
                let kind = [(header::CONTENT_TYPE, "application/problem+json")];
                (StatusCode::BAD_REQUEST, kind, problem).into_response()
            }
            None => StatusCode::BAD_REQUEST.into_response(),
        }
    };
    let body = json!({
        "type": "object", "required": ["n"],
        "properties": { "n": { "type": "integer", "minimum": 0 } },
    });
    let mut answers = number();
    answers["400"] = json!({ "content": { "application/problem+json": { "schema": {} } } });
    let mut write = operation("write", &answers);
    let content = json!({ "application/json": { "schema": body, "example": { "n": 2 } } });
    write["requestBody"] = json!({ "content": content });
    let paths = json!({ "/numbers": { "post": write } });
    let findings = findings(Router::new().route("/numbers", post(read)), paths).await;
    found(&findings, "write: the document allows this request");
    found(&findings, "write: an error is no problem+json");
    found(&findings, "expected a problem with 405 [\"POST\"]");
    found(&findings, "expected a problem with 404");
}

#[tokio::test]
async fn a_number_beyond_its_bounds_that_is_taken_is_found() {
    // The route accepts any number, and refuses only other types.
    let read = |body: String| async move {
        let body = serde_json::from_str::<Value>(&body).unwrap_or_default();
        if body["lat"].is_number() {
            return axum::Json(1).into_response();
        }
        let errors = json!([{ "in": "body", "pointer": "#/lat", "detail": "no number" }]);
        let problem = json!({ "status": 422, "detail": "no number", "errors": errors });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (StatusCode::UNPROCESSABLE_ENTITY, kind, problem.to_string()).into_response()
    };
    let body = json!({
        "type": "object", "required": ["lat"],
        "properties": { "lat": { "type": "number", "minimum": -90, "maximum": 90 } },
    });
    let mut answers = number();
    answers["422"] = json!({ "content": { "application/problem+json": { "schema": {} } } });
    let mut write = operation("write", &answers);
    let content = json!({ "application/json": { "schema": body, "example": { "lat": 2 } } });
    write["requestBody"] = json!({ "content": content });
    let paths = json!({ "/places": { "post": write } });
    let findings = findings(Router::new().route("/places", post(read)), paths).await;
    found(&findings, "write: the document forbids this request");
    assert!(
        findings.contains("{\"lat\":-91.0}") || findings.contains("{\"lat\":91.0}"),
        "{findings}"
    );
}

#[tokio::test]
async fn a_typing_error_in_a_parameter_that_is_ignored_is_found() {
    // The route ignores all parameters except its own.
    let list = |Query(query): Query<Vec<(String, String)>>| async move {
        let limit = query.iter().find(|(name, _)| name == "limit");
        if limit.is_none_or(|(_, limit)| limit.parse::<i64>().is_ok()) {
            return axum::Json(1).into_response();
        }
        let errors = json!([{ "in": "query", "name": "limit", "detail": "no number" }]);
        let problem = json!({ "status": 400, "detail": "no number", "errors": errors });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (StatusCode::BAD_REQUEST, kind, problem.to_string()).into_response()
    };
    let mut answers = number();
    answers["400"] = json!({ "content": { "application/problem+json": { "schema": {} } } });
    let mut read = operation("list", &answers);
    read["parameters"] = json!([{ "name": "limit", "in": "query", "required": false,
        "schema": { "type": "integer" } }]);
    let paths = json!({ "/list": { "get": read } });
    let findings = findings(Router::new().route("/list", get(list)), paths).await;
    found(&findings, "list: no such parameter is in the document");
}

/// Homes, each with the key of its door.
const HOMES: [(&str, &str); 3] = [("north", "7f3a"), ("south", "91c0"), ("west", "2e8b")];

/// The room of a home. No other room has its name.
fn room_of(home: &str) -> String {
    format!("{home}-attic")
}

fn is_home(home: &str) -> bool {
    HOMES.iter().any(|(known, _)| *known == home)
}

/// Refuses a room and a key that do not belong together.
fn answered(fits: bool, answer: impl IntoResponse) -> Response {
    if fits {
        return answer.into_response();
    }
    let problem = json!({ "status": 404, "detail": "there is no such thing" }).to_string();
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::NOT_FOUND, kind, problem).into_response()
}

#[tokio::test]
async fn values_that_belong_together_are_sent_together() {
    let list = || async {
        let homes = HOMES.map(|(home, code)| json!({ "home": home, "code": code }));
        axum::Json(json!({ "items": homes }))
    };
    let open = |Path(home): Path<String>, body: String| async move {
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let is_key = |(known, code): &(&str, &str)| *known == home && body["code"] == *code;
        answered(HOMES.iter().any(is_key), axum::Json(1))
    };
    let build = |Path(home): Path<String>| async move {
        let made = format!("/homes/{home}/rooms/{}", room_of(&home));
        let made = (StatusCode::CREATED, [(header::LOCATION, made)], axum::Json(1));
        answered(is_home(&home), made)
    };
    let leave = |Path((home, room)): Path<(String, String)>| async move {
        answered(is_home(&home) && room == room_of(&home), StatusCode::NO_CONTENT)
    };
    let routes = Router::new()
        .route("/homes", get(list))
        .route("/homes/{home}/door", put(open))
        .route("/homes/{home}/rooms", post(build))
        .route("/homes/{home}/rooms/{room}", delete(leave));
    let answers = |status: &str, answer: Value| {
        let schema = json!({ "application/problem+json": { "schema": {} } });
        json!({ status: answer, "404": { "content": schema } })
    };
    let parameters = |names: &[&str]| -> Value {
        let one = |name: &&str| {
            json!({ "name": name, "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1 } })
        };
        names.iter().map(one).collect()
    };
    let one_number = number()["200"].clone();
    let any = json!({ "content": { "application/json": { "schema": { "type": "object" } } } });
    let mut open_door = operation("open_door", &answers("200", one_number.clone()));
    let key = json!({ "type": "object", "required": ["code"],
        "properties": { "code": { "type": "string" } } });
    let key = json!({ "application/json": { "schema": key, "example": { "code": "0000" } } });
    open_door["requestBody"] = json!({ "content": key });
    open_door["parameters"] = parameters(&["home"]);
    let mut build_room = operation("build_room", &answers("201", one_number));
    build_room["parameters"] = parameters(&["home"]);
    let mut leave_room = operation("leave_room", &answers("204", json!({})));
    leave_room["parameters"] = parameters(&["home", "room"]);
    let paths = json!({
        "/homes": { "get": operation("list_homes", &answers("200", any)) },
        "/homes/{home}/door": { "put": open_door },
        "/homes/{home}/rooms": { "post": build_room },
        "/homes/{home}/rooms/{room}": { "delete": leave_room },
    });
    let findings = findings(routes, paths).await;
    assert!(!findings.contains("never answered with success"), "{findings}");
}
