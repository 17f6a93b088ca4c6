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

use crate::described::Described;
use crate::document::Document;
use crate::draft::Draft;
use crate::operation::Operation;

/// Where the document is served.
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
            H: Handler<T, S> + Described<Signature>,
        {
            self.add(stringify!($method), path, $method(handler), H::describe, operation)
        }
    )+};
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Begins without routes.
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

    /// The document.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut generator = self.generator.clone();
        let schemas = generator.take_definitions(true);
        Document::new(self.name, self.about, self.paths.clone(), schemas, self.mistakes.clone())
    }

    /// The routes, and `GET /openapi.json`.
    #[must_use]
    pub fn router(self, state: S) -> Router {
        let text = Bytes::from(self.document().text());
        let serve = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
        self.router.route(DOCUMENT, get(serve)).with_state(state)
    }
}
