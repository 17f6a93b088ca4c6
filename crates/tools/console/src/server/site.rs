//! What all handlers share, and their error pages.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use ballet_http::departure::Departure;
use ballet_http::limits::WindowedCounts;
use ballet_ops::monitor::WatchedJournal;
use tokio::sync::{Semaphore, watch};

use crate::access::trusted_header::TrustedHeader;
use crate::actions::action_context::ActionContext;
use crate::observer::system_findings::SystemFindings;
use crate::pages::layout::{PageFrame, Person, message};
use crate::pages::now::NowPage;
use crate::server::dead_letters::DeadLetterReader;
use crate::server::timed_value::TimedValue;

/// Each takes 19 MiB.
pub(crate) const HASHED_AT_ONCE: usize = 2;

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) context: ActionContext,
    pub(crate) found: watch::Receiver<SystemFindings>,
    /// It may name a person.
    pub(crate) trusted: Option<TrustedHeader>,
    pub(crate) watched: Arc<WatchedJournal>,
    /// Why the observer cannot follow.
    pub(crate) trouble: watch::Receiver<Option<String>>,
    pub(crate) now: TimedValue<Result<NowPage, sqlx::Error>>,
    pub(crate) dead: DeadLetterReader,
    /// The attempts at a password that failed, or are under way.
    pub(crate) attempts: WindowedCounts<IpAddr>,
    pub(crate) hashing: Semaphore,
    /// The names by which browsers may reach it, besides addresses and `localhost`.
    pub(crate) hosts: Vec<String>,
    /// Whether the cookie is for HTTPS only.
    pub(crate) is_behind_tls: bool,
    /// How the console ends.
    pub(crate) departure: Departure,
}

impl Site {
    pub(crate) fn message(
        &self,
        person: Option<&Person>,
        status: StatusCode,
        title: &str,
        text: &str,
    ) -> Response {
        let frame = self.frame(person);
        (status, Html(message(&frame, title, text).into_string())).into_response()
    }

    pub(crate) fn frame<'a>(&self, person: Option<&'a Person>) -> PageFrame<'a> {
        PageFrame {
            system: self.context.contract_index.system().name,
            person,
            // Strangers see no details.
            trouble: self.trouble.borrow().clone().filter(|_| person.is_some()),
        }
    }

    /// Strangers do not see why.
    pub(crate) fn away(&self, person: Option<&Person>, error: &impl Display) -> Response {
        tracing::warn!("a page cannot be read: {error}");
        let text = match person {
            Some(_) => format!("The console's database does not answer, or refuses: {error}"),
            None => {
                "The console's database does not answer, or refuses. Its log says why.".to_owned()
            }
        };
        self.message(person, StatusCode::SERVICE_UNAVAILABLE, "No answer", &text)
    }
}
