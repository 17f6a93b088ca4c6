//! ETags, which are the versions of things. `If-Match` ties a change to the version that its sender has seen.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use serde_json::json;

use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::openapi::draft::Draft;
use crate::openapi::takes::Takes;

/// Returns the ETag of a version.
#[must_use]
pub(super) fn etag(version: i64) -> HeaderValue {
    let mut digits = Vec::with_capacity(22);
    digits.extend_from_slice(b"\"");
    digits.extend_from_slice(version.to_string().as_bytes());
    digits.extend_from_slice(b"\"");
    // Digits and quotes are a header's value, so the default is never taken.
    HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The versions to which a change may apply, from the request's `If-Match`. A request without the header is refused
/// with 428.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Vec<i64>);

impl IfMatch {
    /// Whether the change may apply to this version.
    #[must_use]
    pub fn has(&self, version: i64) -> bool {
        self.0.contains(&version)
    }

    /// Returns the versions.
    #[must_use]
    pub fn versions(&self) -> &[i64] {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match ETags::read(&parts.headers) {
            Some(ETags::These(tags)) if tags.is_empty() => {
                let detail =
                    "If-Match is wrong: an ETag is a version in quotes, \"1\"";
                Err(Problem::bad_request(detail).at(Place::header("If-Match")))
            }
            // A proxy that compresses an answer makes its tag weak. The version is the same in any encoding, so the
            // change is accepted.
            Some(ETags::These(tags)) => Ok(Self(tags)),
            // Any version would match, which the header is there to prevent.
            Some(ETags::Any) | None => Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "send If-Match with the ETag of what you have read, so that no change of another is \
                 lost",
            )
            .at(Place::header("If-Match"))),
        }
    }
}

impl Takes for IfMatch {
    fn describe(draft: &mut Draft<'_>) {
        let about = "The ETag of what the client has read.";
        let schema = json!({
            "type": "string", "description": about,
            "pattern": "^(W/)?\"[1-9][0-9]{0,17}\"$", "examples": ["\"1\""],
        });
        let object = json!({ "properties": { "If-Match": schema }, "required": ["If-Match"] });
        draft.parameters("header", &object);
        draft.refuses(StatusCode::BAD_REQUEST, "A parameter is wrong.");
        let status = StatusCode::PRECONDITION_REQUIRED;
        draft.refuses(status, "The request does not say which version it changes.");
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ETags {
    Any,
    /// Versions. Tags that are not a version are left out.
    These(Vec<i64>),
}

impl ETags {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
        lines.peek()?;
        let mut tags = Vec::new();
        for tag in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
            match tag.trim() {
                "*" => return Some(Self::Any),
                tag => tags.extend(read(tag)),
            }
        }
        Some(Self::These(tags))
    }
}

fn read(tag: &str) -> Option<i64> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let version = digits.parse().ok()?;
    // Only our own form counts: no sign, no leading zeros.
    (version > 0 && etag(version) == tag).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(lines: &[&'static str]) -> Option<ETags> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_static(line));
        }
        ETags::read(&headers)
    }

    #[tokio::test]
    async fn t216_a_tag_that_a_proxy_made_weak_names_its_version() {
        let request = axum::http::Request::builder().header("If-Match", "W/\"7\"");
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let read = <IfMatch as FromRequestParts<()>>::from_request_parts(&mut parts, &());
        let of = read.await.expect("a version");
        assert!(of.has(7) && !of.has(8));
    }

    #[test]
    fn etags_are_read() {
        assert_eq!(etag(12), "\"12\"");
        assert_eq!(tags(&[]), None);
        assert_eq!(tags(&["*"]), Some(ETags::Any));
        assert_eq!(
            tags(&["\"1\" , W/\"2\"", "\"3\""]).expect("a header"),
            ETags::These(vec![1, 2, 3])
        );
        for other in
            ["", "1", "\"0\"", "\"x\"", "\"+1\"", "\"01\"", "\"1", "\"99999999999999999999\""]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_str(other).expect("a value"));
            let found = ETags::read(&headers);
            assert_eq!(found, Some(ETags::These(Vec::new())), "{other}");
        }
    }
}
