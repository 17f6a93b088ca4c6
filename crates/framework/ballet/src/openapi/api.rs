//! Routes with their descriptions.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::http::header;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use bytes::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::openapi::described_handler::DescribedHandler;
use crate::openapi::document::Document;
use crate::openapi::draft::Draft;
use crate::openapi::operation::Operation;

/// The path of the document.
const DOCUMENT: &str = "/openapi.json";

/// The routes of a service with their descriptions. `S` is the state of the handlers.
#[derive(Debug)]
pub struct Api<S> {
    name: &'static str,
    about: &'static str,
    router: Router<S>,
    generator: SchemaGenerator,
    paths: BTreeMap<&'static str, BTreeMap<&'static str, Value>>,
    mistakes: Vec<String>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $method<H, T: 'static, Signature>(
            self,
            path: &'static str,
            handler: H,
            operation: Operation,
        ) -> Self
        where
            H: Handler<T, S> + DescribedHandler<Signature>,
        {
            self.add(stringify!($method), path, $method(handler), H::describe, operation)
        }
    )+};
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Creates an API without routes.
    #[must_use]
    pub fn new(name: &'static str, about: &'static str) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            name,
            about,
            router: Router::new(),
            generator: settings.into_generator(),
            paths: BTreeMap::new(),
            mistakes: Vec::new(),
        }
    }

    methods! {
        /// Adds a `GET` route.
        get;
        /// Adds a `POST` route.
        post;
        /// Adds a `PUT` route.
        put;
        /// Adds a `PATCH` route.
        patch;
        /// Adds a `DELETE` route.
        delete;
    }

    fn add(
        mut self,
        method: &'static str,
        path: &'static str,
        route: MethodRouter<S>,
        describe: fn(&mut Draft<'_>),
        operation: Operation,
    ) -> Self {
        let mut draft = Draft::new(&mut self.generator, &mut self.mistakes, path);
        describe(&mut draft);
        let described = draft.finish(self.name, operation);
        self.paths.entry(path).or_default().insert(method, described);
        self.router = self.router.route(path, route);
        self
    }

    /// Returns the document.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut generator = self.generator.clone();
        let schemas = generator.take_definitions(true);
        Document::new(self.name, self.about, self.paths.clone(), schemas, self.mistakes.clone())
    }

    /// Returns the routes, with `GET /openapi.json`.
    pub fn router(self, state: S) -> Router {
        let text = Bytes::from(self.document().text());
        let serve = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
        self.router.route(DOCUMENT, get(serve)).with_state(state)
    }
}

#[cfg(test)]
mod tests {
    use crate::http::{Json, OpenJson, Path, Problem};
    use axum::http::StatusCode;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Note {
        text: String,
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Part {
        count: u32,
        parts: Vec<Self>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Hint {
        about: String,
    }

    async fn hint(OpenJson(_): OpenJson<Hint>) -> Result<Json<Note>, Problem> {
        Err(Problem::not_found("no"))
    }

    /// A note, by its number.
    #[derive(Deserialize, JsonSchema)]
    #[schemars(inline)]
    struct Number(#[expect(dead_code, reason = "only its schema is read")] u16);

    async fn read(Path(_): Path<Number>) -> Result<Json<Note>, Problem> {
        Ok(Json(Note { text: String::new(), parts: Vec::new() }))
    }

    async fn write(Json(note): Json<Note>) -> Result<Json<Note>, Problem> {
        Ok(Json(note))
    }

    fn mistakes(api: &Api<()>) -> Vec<String> {
        api.document().mistakes().to_vec()
    }

    #[test]
    fn the_types_of_a_handler_describe_its_route() {
        let written = Operation::new("write_note", "Write").example(json!({ "text": "buy milk" }));
        let api = Api::new("notes", "Notes.")
            .get("/notes/{number}", read, Operation::new("read_note", "Read"))
            .post("/notes", write, written)
            .post("/hints", hint, Operation::new("hint", "Hint").example(json!({ "about": "x" })));
        assert_eq!(mistakes(&api), [""; 0]);
        let document: Value = serde_json::from_str(&api.document().text()).expect("JSON");
        let read = &document["paths"]["/notes/{number}"]["get"];
        assert_eq!(read["parameters"][0]["name"], "number");
        assert_eq!(read["parameters"][0]["description"], "A note, by its number.");
        assert_eq!(read["parameters"][0]["schema"]["maximum"], u16::MAX);
        let note = json!({ "$ref": "#/components/schemas/Note" });
        assert_eq!(read["responses"]["200"]["content"]["application/json"]["schema"], note);
        let write = &document["paths"]["/notes"]["post"];
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["Note"]["additionalProperties"], false, "an unknown field gets 422");
        assert_eq!(schemas["Part"]["additionalProperties"], false, "on each level");
        let count = &schemas["Part"]["properties"]["count"];
        assert_eq!((&count["format"], &count["maximum"]), (&json!("int64"), &json!(u32::MAX)));
        assert_eq!(schemas["Hint"].get("additionalProperties"), None, "may have more fields");
        assert_eq!(write["requestBody"]["content"]["application/json"]["schema"], note);
        let statuses: Vec<&String> =
            write["responses"].as_object().expect("answers").keys().collect();
        assert_eq!(statuses, ["200", "400", "413", "415", "422", "500", "503"]);
    }

    #[test]
    fn what_its_author_forgot_is_a_mistake() {
        let never = Operation::new("b", "Read").answers(StatusCode::CREATED, "Never.");
        let api = Api::new("notes", "Notes.")
            .post("/notes", write, Operation::new("a", "Write"))
            .get("/{number}", read, never);
        let expected = [
            "a: a body has an example, and only a body",
            "b says when it answers 201 Created, but never does",
        ];
        assert_eq!(mistakes(&api), expected);
    }
}
