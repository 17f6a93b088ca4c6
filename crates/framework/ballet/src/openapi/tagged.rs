//! Answers with or about a thing, with its version as the ETag.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::http::json::Json;
use crate::openapi::answers::{Answers, Created};
use crate::openapi::draft::Draft;
use crate::openapi::etag::etag;

/// A kind of thing that has versions.
pub trait Tagged {
    /// The thing.
    type Thing: Serialize + JsonSchema;
    /// The name of the thing in the document.
    const NAME: &'static str;

    /// Returns the thing's version, which is its ETag.
    fn version(thing: &Self::Thing) -> i64;

    /// Returns the thing's path.
    fn location(thing: &Self::Thing) -> String;
}

/// 200: the thing.
#[derive(Debug)]
pub struct FoundThing<K: Tagged>(pub K::Thing);

/// 201: the thing was created.
#[derive(Debug)]
pub struct NewThing<K: Tagged>(pub K::Thing);

/// Describes the ETag of an answer that was described before.
fn describe_etag<K: Tagged>(draft: &mut Draft<'_>, status: StatusCode) {
    let about = format!("The version of the {}, for `If-Match`.", K::NAME);
    draft.header(status, "ETag", &about, &json!({ "type": "string" }));
}

impl<K: Tagged> IntoResponse for FoundThing<K> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(K::version(&self.0)))], Json(self.0)).into_response()
    }
}

impl<K: Tagged> Answers for FoundThing<K> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers::<K::Thing>(StatusCode::OK, &format!("The {}.", K::NAME));
        describe_etag::<K>(draft, StatusCode::OK);
    }
}

impl<K: Tagged> IntoResponse for NewThing<K> {
    fn into_response(self) -> Response {
        let tag = [(header::ETAG, etag(K::version(&self.0)))];
        let location = K::location(&self.0);
        (tag, Created { location, body: self.0 }).into_response()
    }
}

impl<K: Tagged> Answers for NewThing<K> {
    fn describe(draft: &mut Draft<'_>) {
        <Created<K::Thing> as Answers>::describe(draft);
        describe_etag::<K>(draft, StatusCode::CREATED);
    }
}
