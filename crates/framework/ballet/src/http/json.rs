//! A JSON body, in and out. What cannot be read is answered with a [`Problem`].

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet_core::json::in_words;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::place::Place;
use crate::http::problem::{Advice, Problem};
use crate::http::unreadable::names;

/// A JSON body, in and out.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// The JSON body of another company, which may add fields at any time. Unknown fields are ignored.
#[derive(Debug, Clone, Copy)]
pub struct OpenJson<T>(pub T);

/// How large a body may be, in bytes. The service adds it to each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxBody(pub(crate) usize);

type Unreadable = serde_path_to_error::Error<serde_json::Error>;

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, Fields::Known).await.map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OpenJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, Fields::Any).await.map(Self)
    }
}

#[derive(Debug, Clone, Copy)]
enum Fields {
    Known,
    /// Unknown fields are allowed, and ignored.
    Any,
}

async fn read<T: DeserializeOwned>(request: Request, fields: Fields) -> Result<T, Problem> {
    check_kind(request.headers())?;
    let bytes = bytes(request).await?;
    let mut unknown = None;
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    let mut note = |field: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| names_of(&field));
    };
    let noting = serde_ignored::Deserializer::new(&mut deserializer, &mut note);
    let body = serde_path_to_error::deserialize(noting);
    let body = body.map_err(|error| unreadable(&error))?;
    deserializer.end().map_err(|error| no_json(&error))?;
    match (unknown, fields) {
        (Some(names), Fields::Known) => Err(wrong(Place::body(names), "there is no such field")),
        _ => Ok(body),
    }
}

pub(crate) async fn bytes(request: Request) -> Result<Bytes, Problem> {
    let most = request.extensions().get::<MaxBody>().copied();
    let bytes = Bytes::from_request(request, &()).await;
    bytes.map_err(|rejection| incomplete(&rejection, most))
}

fn names_of(field: &serde_ignored::Path<'_>) -> Vec<String> {
    use serde_ignored::Path;
    let (parent, name) = match field {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    names_of(parent).into_iter().chain(name).collect()
}

fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |detail, header, what, advice| {
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        Err(problem.and(Place::header(header), what).advise(advice))
    };
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if !codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "the body is packed: send it as it is, without the header `Content-Encoding`";
        let what = "only `identity` is taken";
        return refused(detail, "Content-Encoding", what, Advice::SendUnpacked);
    }
    if !is_json(headers) {
        let detail = "the body has to be JSON: send it with the header `Content-Type: \
                      application/json`";
        let what = "it is not application/json";
        return refused(detail, "Content-Type", what, Advice::SendJson);
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let subtype = kind.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn incomplete(rejection: &BytesRejection, most: Option<MaxBody>) -> Problem {
    match (rejection.status(), most) {
        (StatusCode::PAYLOAD_TOO_LARGE, Some(MaxBody(most))) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body is larger than the {most} bytes that the service takes (MAX_BODY): send \
                 less"
            ),
        ),
        (status, _) => Problem::new(status, rejection.body_text()),
    }
}

fn unreadable(error: &Unreadable) -> Problem {
    if error.inner().is_data() { misshapen(error) } else { no_json(error.inner()) }
}

/// 400: the body is no JSON.
fn no_json(error: &serde_json::Error) -> Problem {
    let what = format!("the body is not JSON: {error}");
    Problem::bad_request(what).and(Place::body([""; 0]), error.to_string())
}

/// 422: the body is JSON of another shape.
fn misshapen(error: &Unreadable) -> Problem {
    let what = error.inner().to_string();
    let place = Place::body(names(error.path(), &what));
    wrong(place, &in_words(&what))
}

fn wrong(place: Place, what: &str) -> Problem {
    Problem::unprocessable(format!("{place} is wrong: {what}")).and(place, what)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only read")]
    struct Shirt {
        size: Size,
        numbers: Option<u8>,
    }

    async fn refused(kind: &str, body: &str) -> Problem {
        refused_packed("identity", kind, body).await
    }

    async fn refused_packed(coding: &str, kind: &str, body: &str) -> Problem {
        let request = Request::builder().header("content-type", kind);
        let request = request.header("content-encoding", coding);
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        Json::<Vec<Shirt>>::from_request(request, &()).await.expect_err("it cannot be read")
    }

    #[tokio::test]
    async fn t216_a_body_has_the_fields_of_its_type_by_their_names_each_once() {
        for (body, place, what) in [
            (r#"[{"size":"small","number":7}]"#, &["0", "number"][..], "there is no such field"),
            (r#"[{"size":"small","size":"large"}]"#, &["0", "size"], "duplicate field"),
            (r#"[{"numbers":1}]"#, &["0", "size"], "missing field"),
        ] {
            let problem = refused("application/json", body).await;
            assert_eq!(problem.status, 422, "{body}: {}", problem.detail);
            assert_eq!(problem.errors[0].place, Place::body(place.iter().copied()), "{body}");
            assert!(problem.errors[0].detail.contains(what), "{body}: {}", problem.detail);
        }
    }

    #[tokio::test]
    async fn what_another_company_sends_may_have_further_fields_and_nothing_less() {
        let read = async |body: &'static str| {
            let request = Request::builder().header("content-type", "application/json");
            let request = request.body(Body::from(body)).expect("a request");
            OpenJson::<Vec<Shirt>>::from_request(request, &()).await.map(|OpenJson(all)| all.len())
        };
        let more = r#"[{"size":"small","wash":{"at":40}},{"colour":null,"size":"large"}]"#;
        assert_eq!(read(more).await.expect("shirts"), 2);
        for (wrong, what) in [
            (r#"[{"wash":{"at":40}}]"#, "missing field `size`"),
            (r#"[{"wash":{"at":40},"size":"tiny"}]"#, "it is not known, only `small` or `large`"),
        ] {
            let problem = read(wrong).await.expect_err("no shirt");
            assert_eq!(problem.errors[0].detail, what, "{wrong}");
            assert_eq!(problem.errors[0].place, Place::body(["0", "size"]), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_packed_body_is_refused_with_how_to_send_it() {
        for coding in ["gzip", "GZIP", "br, identity", ""] {
            let problem = refused_packed(coding, "application/json", "[]").await;
            assert_eq!(problem.errors[0].place, Place::header("Content-Encoding"), "{coding}");
            let answer = problem.into_response();
            assert_eq!(answer.status(), 415, "{coding}");
            assert_eq!(answer.headers()["accept-encoding"], "identity", "{coding}");
        }
    }

    #[tokio::test]
    async fn what_is_no_json_is_told_from_what_has_another_shape() {
        for (kind, body, status) in [
            ("application/json", "[", 400),
            ("application/json", r#"[{"size":smal}]"#, 400),
            ("application/json", "{}", 422),
            ("application/json; charset=utf-8", "{}", 422),
            ("Application/Problem+JSON", "{}", 422),
            ("text/plain", "[]", 415),
            ("application/jsonp", "[]", 415),
        ] {
            assert_eq!(refused(kind, body).await.status, status, "{kind}: {body}");
        }
    }
}
