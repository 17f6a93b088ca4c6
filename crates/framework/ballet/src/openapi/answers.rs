//! The answers of a handler.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::http::json::Json;
use crate::http::problem::Problem;
use crate::openapi::draft::Draft;

/// The result of a handler, which describes itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it answers",
    note = "return `Json`, `Created`, `Accepted`, `NoContent`, `Either` or `EventStream`, alone or in a \
            `Result<_, Problem>`, or implement `Answers`"
)]
pub trait Answers: IntoResponse {
    /// Adds the answers with their schemas.
    fn describe(draft: &mut Draft<'_>);
}

/// 201: a thing was created, at a location.
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// The path of the new thing.
    pub location: String,
    /// The body of the answer.
    pub body: T,
}

/// 202: the request is accepted. Its effect comes later.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<T>(pub T);

/// 204: the answer has no body.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

/// One of two answers, with different statuses.
#[derive(Debug, Clone, Copy)]
pub enum Either<A, B> {
    /// The first answer.
    This(A),
    /// The second answer.
    That(B),
}

impl<T: Serialize + JsonSchema> Answers for Json<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.shows::<T>(StatusCode::OK);
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.body)).into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl<T: Serialize + JsonSchema> Answers for Created<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.shows::<T>(StatusCode::CREATED);
        let schema = json!({ "type": "string", "format": "uri-reference" });
        draft.header(StatusCode::CREATED, "Location", "The path of what was created.", &schema);
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: Serialize + JsonSchema> Answers for Accepted<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers::<T>(StatusCode::ACCEPTED, "The request is taken; its effect comes later.");
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answers for NoContent {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_nothing(StatusCode::NO_CONTENT, "There is nothing to say.");
    }
}

impl<A: IntoResponse, B: IntoResponse> IntoResponse for Either<A, B> {
    fn into_response(self) -> Response {
        match self {
            Self::This(answer) => answer.into_response(),
            Self::That(answer) => answer.into_response(),
        }
    }
}

impl<A: Answers, B: Answers> Answers for Either<A, B> {
    fn describe(draft: &mut Draft<'_>) {
        A::describe(draft);
        B::describe(draft);
    }
}

impl<T: Answers> Answers for Result<T, Problem> {
    fn describe(draft: &mut Draft<'_>) {
        T::describe(draft);
        let status = StatusCode::SERVICE_UNAVAILABLE;
        draft.refuses(status, "The service is starting, is busy, or cannot reach its database.");
        draft.retry_after(status);
        draft.refuses(StatusCode::INTERNAL_SERVER_ERROR, "The service failed; its log says why.");
    }
}
