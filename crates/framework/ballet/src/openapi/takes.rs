//! The parts of a request that a handler takes.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;

use crate::http::extract::{LastEventId, Path, Query};
use crate::http::json::{Json, OpenJson};
use crate::openapi::draft::Draft;

/// An argument of a handler, which describes itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it takes from a request",
    note = "use the extractors of `ballet::http`, or implement `Takes`"
)]
pub trait Takes {
    /// Adds the part of the request that the argument takes, and the answers to a request without it.
    fn describe(draft: &mut Draft<'_>);
}

impl<S> Takes for State<S> {
    fn describe(_: &mut Draft<'_>) {}
}

impl<T: JsonSchema> Takes for Json<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.body::<T>();
        refuses_bodies(draft);
    }
}

fn refuses_bodies(draft: &mut Draft<'_>) {
    draft.refuses(StatusCode::BAD_REQUEST, "The body is not JSON.");
    draft.refuses(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.");
    draft.refuses(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON, or is packed.");
    draft.refuses(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The body is JSON, but one of its fields is missing or wrong.",
    );
}

impl<T: JsonSchema> Takes for OpenJson<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.open_body::<T>();
        refuses_bodies(draft);
    }
}

impl<T: JsonSchema> Takes for Path<T> {
    fn describe(draft: &mut Draft<'_>) {
        let schema = draft.inline::<T>();
        if schema.get("properties").is_some() {
            draft.parameters("path", &schema);
        } else {
            let schema = draft.schema::<T>();
            draft.only_parameter(schema);
        }
        draft.refuses(StatusCode::BAD_REQUEST, "A parameter is wrong.");
    }
}

impl<T: JsonSchema> Takes for Query<T> {
    fn describe(draft: &mut Draft<'_>) {
        let schema = draft.inline::<T>();
        draft.only_known_parameters(&schema);
        draft.parameters("query", &schema);
        draft.refuses(StatusCode::BAD_REQUEST, "A parameter is wrong.");
        draft.refuses(StatusCode::BAD_REQUEST, "The query has an unknown parameter.");
    }
}

impl<T: JsonSchema> Takes for LastEventId<T> {
    fn describe(draft: &mut Draft<'_>) {
        let mut id = draft.schema::<T>();
        id["description"] = "The id of the last event that the client has seen. The answer begins \
                             behind it."
            .into();
        let object = json!({ "properties": { LastEventId::HEADER: id } });
        draft.parameters("header", &object);
        draft.refuses(StatusCode::BAD_REQUEST, "A parameter is wrong.");
    }
}
