//! A handler's view of a request, its person, and its answers.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use ballet_check::listing::ListedEvent;
use maud::Markup;

use crate::pages::layout::{Person, page};
use crate::server::site::Site;

/// The page that was asked for, or one that says why not.
pub(super) type Answer = Result<Response, Response>;

/// The person has logged in.
#[derive(Debug, FromRequestParts)]
#[from_request(state(Arc<Site>))]
pub(super) struct Visit {
    #[from_request(via(State))]
    pub(super) site: Arc<Site>,
    #[from_request(via(Extension))]
    pub(super) person: Person,
}

#[expect(clippy::result_large_err, reason = "each is made once for a request, and sent")]
impl Visit {
    pub(super) fn page(&self, at: &str, title: &str, content: &Markup) -> Answer {
        let frame = self.site.frame(Some(&self.person));
        Ok(Html(page(&frame, at, title, content).into_string()).into_response())
    }

    /// Returns what was read from the console's database, or the page that says that it does not answer.
    pub(super) fn read<T>(&self, read: Result<T, sqlx::Error>) -> Result<T, Response> {
        read.map_err(|error| self.site.away(Some(&self.person), &error))
    }

    pub(super) fn service(&self, name: &str) -> Result<&'static str, Response> {
        let missing = || self.not_found("No contract knows such a service.");
        self.site.context.part(name).map(|part| part.service).ok_or_else(missing)
    }

    pub(super) fn event(&self, name: &str) -> Result<&ListedEvent, Response> {
        let missing = || self.not_found("No contract declares such an event.");
        self.site.context.contract_index.events.get(name).ok_or_else(missing)
    }

    pub(super) fn message(&self, status: StatusCode, title: &str, text: &str) -> Response {
        self.site.message(Some(&self.person), status, title, text)
    }

    pub(super) fn not_found(&self, what: &str) -> Response {
        self.message(StatusCode::NOT_FOUND, "Not here", what)
    }

    pub(super) fn refused(&self, why: &str) -> Response {
        self.message(StatusCode::BAD_REQUEST, "Nothing was changed", why)
    }
}
