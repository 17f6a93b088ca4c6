//! Extractors that answer with a [`Problem`] what they cannot read.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use ballet_core::json::in_words;
use serde::de::DeserializeOwned;

use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::http::unreadable::{names, source};

/// The path's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// The query's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

/// The id of the last event that the client of an event stream has seen: its header
/// `Last-Event-ID`.
#[derive(Debug, Clone, Copy)]
pub struct LastEventId<T>(pub Option<T>);

impl LastEventId<()> {
    /// The header's name.
    pub const HEADER: &'static str = "Last-Event-ID";
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(unreadable_query(&rejection)),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let rejection = match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => return Ok(Self(path)),
            Err(rejection) => rejection,
        };
        // A single parameter is read without its name.
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params: Vec<(String, String)> = params.map_or_else(
            |_| Vec::new(),
            |params| params.iter().map(|(name, text)| (name.into(), text.into())).collect(),
        );
        Err(unreadable_path(&rejection, &params))
    }
}

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for LastEventId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(LastEventId::HEADER) else { return Ok(Self(None)) };
        let place = Place::header(LastEventId::HEADER);
        let id = value.to_str().ok().and_then(|text| text.parse().ok());
        let what = || not_of(std::any::type_name::<T>());
        id.map(|id| Self(Some(id))).ok_or_else(|| wrong(place, what()))
    }
}

/// 400: a parameter cannot be read.
fn wrong(place: Place, what: impl Display) -> Problem {
    let what = what.to_string();
    Problem::bad_request(format!("{place} is wrong: {what}")).and(place, what)
}

fn unreadable_query(rejection: &QueryRejection) -> Problem {
    type Unreadable = serde_path_to_error::Error<serde::de::value::Error>;
    let Some(error) = source::<Unreadable>(rejection) else {
        return Problem::new(rejection.status(), rejection.body_text());
    };
    let what = error.inner().to_string();
    // serde speaks of fields.
    if let Some(rest) = what.strip_prefix("unknown field `")
        && let Some((name, known)) = rest.split_once("`, ")
    {
        let known =
            known.replacen("expected one of ", "only ", 1).replacen("expected ", "only ", 1);
        return wrong(Place::query(name), format!("there is no such parameter, {known}"));
    }
    match names(error.path(), &what).into_iter().next() {
        Some(name) => wrong(Place::query(name), in_words(&what)),
        None => Problem::bad_request(format!("the query is wrong: {what}")),
    }
}

/// `params` are the route's parameters with their values.
fn unreadable_path(rejection: &PathRejection, params: &[(String, String)]) -> Problem {
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return Problem::new(rejection.status(), rejection.body_text());
    };
    let name_of = |at: usize| params.get(at).map(|(name, _)| name.clone());
    let (name, what) = match error.kind() {
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
            (Some(key.clone()), not_of(expected_type))
        }
        ErrorKind::DeserializeError { key, message, .. } => (Some(key.clone()), in_words(message)),
        ErrorKind::InvalidUtf8InPathParam { key } => {
            (Some(key.clone()), "it is not UTF-8".to_owned())
        }
        ErrorKind::ParseErrorAtIndex { index, expected_type, .. } => {
            (name_of(*index), not_of(expected_type))
        }
        ErrorKind::ParseError { expected_type, .. } => (name_of(0), not_of(expected_type)),
        ErrorKind::Message(message) if params.len() == 1 => (name_of(0), in_words(message)),
        _ => (None, error.body_text()),
    };
    match name {
        Some(name) => wrong(Place::path(name), what),
        None => Problem::new(error.status(), what),
    }
}

fn not_of(expected_type: &str) -> String {
    format!("{expected_type} is wanted")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is only read")]
    struct Listed {
        after: Option<u16>,
        limit: Option<u16>,
    }

    #[test]
    fn a_typing_error_in_a_parameters_name_is_named() {
        let uri = "/?limt=1".parse().expect("a URI");
        let read = axum::extract::Query::<Listed>::try_from_uri(&uri);
        let problem = unreadable_query(&read.expect_err("no such parameter"));
        let detail = "there is no such parameter, only `after` or `limit`";
        assert_eq!(problem.detail, format!("the query parameter limt is wrong: {detail}"));
        assert_eq!(problem.errors[0].place, Place::query("limt"));
        assert_eq!(problem.errors[0].detail, detail);
    }

    #[test]
    fn what_is_wrong_with_a_parameter_is_said() {
        for (query, name, what) in [
            ("limit=x", "limit", "invalid digit found in string"),
            ("limit=", "limit", "cannot parse integer from empty string"),
            ("limit=70000", "limit", "number too large to fit in target type"),
            ("limit=1&limit=2", "limit", "duplicate field `limit`"),
        ] {
            let uri = format!("/?{query}").parse().expect("a URI");
            let read = axum::extract::Query::<Listed>::try_from_uri(&uri);
            let problem = unreadable_query(&read.expect_err("it cannot be read"));
            assert_eq!(problem.errors[0].place, Place::query(name), "{query}");
            assert_eq!(problem.errors[0].detail, what, "{query}");
        }
    }

    #[tokio::test]
    async fn an_id_of_an_event_that_is_none_is_refused_with_what_is_wanted() {
        for text in ["x", "", "-1", "256"] {
            let request = axum::http::Request::builder().header(LastEventId::HEADER, text);
            let (mut parts, ()) = request.body(()).expect("a request").into_parts();
            let read = LastEventId::<u8>::from_request_parts(&mut parts, &()).await;
            let problem = read.expect_err("no id");
            assert_eq!(problem.errors[0].detail, "u8 is wanted", "{text}");
        }
    }
}
