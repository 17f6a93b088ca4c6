//! The sender of a request, and the owner it speaks for. The gateway sends both in headers that no
//! client can send. A request without them comes from within, and may do everything.

use std::fmt;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use ballet_http::identity::{SCOPES, SUBJECT};

use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::openapi::draft::Draft;
use crate::openapi::takes::Takes;

/// A kind of owner. Each owner's things are hidden from the others.
pub trait Owners: Send + Sync + 'static {
    /// The id of an owner, which is the subject of the owner's credentials.
    type Id: FromStr + fmt::Display + fmt::Debug + Copy + PartialEq + Send + Sync;
    /// The word for an owner: `customer`.
    const NAME: &'static str;
    /// The scope of callers who see and change the things of all owners.
    const ALL: &'static str;
}

/// The sender of a request: one owner, or a caller who sees and changes the things of all owners.
///
/// Other credentials are refused with 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<O: Owners>(Option<O::Id>);

impl<O: Owners> Caller<O> {
    /// Returns true if the caller may see and change this owner's things. Only a caller who sees
    /// everything may see things whose owner is unknown.
    #[must_use]
    pub fn is_allowed(&self, owner: impl Into<Option<O::Id>>) -> bool {
        let owner: Option<O::Id> = owner.into();
        self.0.is_none() || self.0 == owner
    }

    /// Returns the owner to whose things the caller is limited, if there is a limit.
    #[must_use]
    pub fn only(&self) -> Option<O::Id> {
        self.0
    }

    /// Checks that the caller sees and changes everything.
    ///
    /// # Errors
    ///
    /// 403 if the caller is an owner.
    pub fn must_be_behind(&self) -> Result<(), Problem> {
        let Some(own) = self.0 else { return Ok(()) };
        let (name, all) = (O::NAME, O::ALL);
        let detail = format!("you are signed in as {name} {own}: this needs the scope {all}");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Checks that the caller may make something for this owner, whom a part of the request names.
    ///
    /// # Errors
    ///
    /// 403 if the caller is another owner.
    pub fn may_act_for(&self, owner: O::Id, place: Place) -> Result<(), Problem> {
        match self.0 {
            Some(own) if own != owner => {
                let (name, all) = (O::NAME, O::ALL);
                let detail = format!(
                    "you are signed in as {name} {own}, and this is for {name} {owner}: send your \
                     own id, or sign in with the scope {all} to act for others"
                );
                Err(Problem::new(StatusCode::FORBIDDEN, detail).at(place))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Sync, O: Owners> FromRequestParts<S> for Caller<O> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (subject, scopes) = (parts.headers.get(SUBJECT), parts.headers.get(SCOPES));
        if subject.is_none() && scopes.is_none() {
            return Ok(Self(None));
        }
        let scopes = scopes.and_then(|scopes| scopes.to_str().ok()).unwrap_or_default();
        if scopes.split(' ').any(|scope| scope == O::ALL) {
            return Ok(Self(None));
        }
        let subject = subject.and_then(|subject| subject.to_str().ok());
        match subject.map(|subject| subject.parse().map_err(|_| subject)) {
            Some(Ok(own)) => Ok(Self(Some(own))),
            Some(Err(subject)) => Err(no_owner::<O>(&format!(
                "your credentials are for {subject:?}, which is not the id of a {}",
                O::NAME
            ))),
            None => Err(no_owner::<O>("you are not signed in")),
        }
    }
}

/// The 403 for credentials that belong to no owner.
fn no_owner<O: Owners>(what: &str) -> Problem {
    let (name, all) = (O::NAME, O::ALL);
    let detail = format!(
        "{what}: use a token whose subject (`sub`) is the {name}'s id, or one with the scope {all}"
    );
    Problem::new(StatusCode::FORBIDDEN, detail)
}

impl<O: Owners> Takes for Caller<O> {
    fn describe(draft: &mut Draft<'_>) {
        let when = format!("The credentials are those of no {}.", O::NAME);
        draft.refuses(StatusCode::FORBIDDEN, &when);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Readers;

    impl Owners for Readers {
        type Id = u32;
        const NAME: &'static str = "reader";
        const ALL: &'static str = "books:all";
    }

    async fn caller(headers: &[(&str, &str)]) -> Result<Caller<Readers>, Problem> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        Caller::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn whoever_came_through_the_gateway_and_is_no_owner_is_refused() {
        for (headers, begin) in [
            (&[(SUBJECT, "ada"), (SCOPES, "books:read")][..], "your credentials are for \"ada\""),
            (&[(SUBJECT, "ada"), (SCOPES, "books:alle")], "your credentials are for \"ada\""),
            (&[(SUBJECT, "ada")], "your credentials are for \"ada\""),
            (&[(SCOPES, "books:read")], "you are not signed in"),
            (&[(SCOPES, "")], "you are not signed in"),
        ] {
            let refused = caller(headers).await.expect_err("no owner");
            assert_eq!(refused.status, 403, "{headers:?}");
            assert!(refused.detail.starts_with(begin), "{}", refused.detail);
            assert!(refused.detail.contains("books:all"), "{}", refused.detail);
        }
    }
}
