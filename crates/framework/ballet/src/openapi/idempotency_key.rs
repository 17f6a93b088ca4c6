//! The key of a request that must take effect once, however often it is sent.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::json;

use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::openapi::draft::Draft;
use crate::openapi::takes::Takes;

const HEADER: &str = "Idempotency-Key";
/// The maximum number of characters. A gateway prefixes the key with its client.
const LONGEST: usize = 512;

/// The key that the client has chosen for this request, from its header `Idempotency-Key`. The service acts once
/// for each key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// Returns the key, if the client sent one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The 422 for a key that was used for another request.
    #[must_use]
    pub fn taken() -> Problem {
        let detail = "this Idempotency-Key was used for another request: choose a new one";
        Problem::unprocessable(detail).at(Place::header(HEADER))
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(first) = values.next() else { return Ok(Self(None)) };
        let key = first.to_str().unwrap_or_default();
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if values.next().is_some() || key.is_empty() || key.len() > LONGEST || !is_visible {
            let detail = format!(
                "{HEADER} is wrong: it is one text of 1 to {LONGEST} visible ASCII characters"
            );
            return Err(Problem::bad_request(detail).at(Place::header(HEADER)));
        }
        Ok(Self(Some(key.to_owned())))
    }
}

impl Takes for IdempotencyKey {
    fn describe(draft: &mut Draft<'_>) {
        let about = "Any text that is used for this request only, such as a UUID. The request sent \
                     again with the same key takes effect once, and gets the same answer.";
        let schema = json!({
            "type": "string", "description": about,
            "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$",
        });
        draft.parameters("header", &json!({ "properties": { HEADER: schema } }));
        draft.refuses(StatusCode::BAD_REQUEST, "A parameter is wrong.");
        let when = "The `Idempotency-Key` was used for another request.";
        draft.refuses(StatusCode::UNPROCESSABLE_ENTITY, when);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn key(values: &[&str]) -> Result<IdempotencyKey, Problem> {
        let mut request = Request::builder();
        for value in values {
            request = request.header(HEADER, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        IdempotencyKey::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_key_is_one_visible_text() {
        assert_eq!(key(&[]).await.expect("none").text(), None);
        let read = key(&["sub:ada:\"first\""]).await.expect("a key");
        assert_eq!(read.text(), Some("sub:ada:\"first\""));
        for wrong in [&[""][..], &["a b"], &["a", "a"], &["x".repeat(LONGEST + 1).as_str()]] {
            let problem = key(wrong).await.expect_err("no key");
            assert_eq!((problem.status, problem.errors.len()), (400, 1), "{wrong:?}");
        }
    }
}
