//! What all handlers share, and how they answer.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use ballet::Clock;
use ballet_ops::sagas::Hindrance;
use sqlx::PgPool;
use tokio::sync::{Semaphore, watch};

use crate::access::attempts::Attempts;
use crate::access::trusted::Trusted;
use crate::actions::means::Means;
use crate::contract_index::ContractIndex;
use crate::observer::judge::Unjudged;
use crate::pages::layout::{PageFrame, Person, message};
use crate::pages::now::NowPage;
use crate::server::dead_letters::DeadLetterReader;
use crate::server::parts::Parts;
use crate::server::system_look::SystemLook;
use crate::server::timed_value::TimedValue;

/// Passwords that are hashed at once: each takes 19 MiB.
pub(crate) const HASHED_AT_ONCE: usize = 2;

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) pool: PgPool,
    pub(crate) known: Arc<ContractIndex>,
    pub(crate) clock: Clock,
    /// What keeps sagas from going on.
    pub(crate) hindrances: watch::Receiver<Vec<Hindrance>>,
    /// What actions are done with.
    pub(crate) means: Means,
    /// What the tokens of forms are made with.
    pub(crate) secret: Vec<u8>,
    /// Who else may say who a person is.
    pub(crate) trusted: Option<Trusted>,
    /// What keeps the observer from following.
    pub(crate) trouble: watch::Receiver<Option<String>>,
    /// What keeps sagas from being judged.
    pub(crate) unjudged: watch::Receiver<Option<Unjudged>>,
    /// What happens now.
    pub(crate) now: TimedValue<Result<NowPage, sqlx::Error>>,
    pub(crate) parts: watch::Sender<Arc<Parts>>,
    pub(crate) dead: DeadLetterReader,
    pub(crate) looked: SystemLook,
    pub(crate) attempts: Attempts,
    pub(crate) hashing: Semaphore,
    /// Whether the cookie is only for HTTPS.
    pub(crate) is_behind_tls: bool,
}

impl Site {
    /// A page that says what is wrong.
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
            system: self.known.system().name,
            person,
            // Strangers are told nothing.
            trouble: self.trouble.borrow().clone().filter(|_| person.is_some()),
            unjudged: self.unjudged.borrow().clone().filter(|_| person.is_some()),
        }
    }

    /// The console's database does not answer. Strangers are not told why.
    pub(crate) fn away(&self, person: Option<&Person>, error: &sqlx::Error) -> Response {
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
