//! The author's description of a route, beside its types.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

/// The author's description of a route. The rest comes from the types of its handler.
#[derive(Debug)]
pub struct Operation {
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: Option<&'static str>,
    pub(crate) example: Option<Value>,
    pub(crate) answers: Vec<(StatusCode, &'static str)>,
    pub(crate) refusals: Vec<(StatusCode, &'static str)>,
    /// The statuses with a `Retry-After`.
    pub(crate) for_now: Vec<(StatusCode, &'static str)>,
}

impl Operation {
    /// Creates a description. `id` is unique in the whole system, a verb and a noun: `place_order`. Generated clients
    /// name their functions after it.
    #[must_use]
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        let (answers, refusals, for_now) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, summary, about: None, example: None, answers, refusals, for_now }
    }

    /// Adds a text beyond the summary.
    #[must_use]
    pub const fn about(mut self, text: &'static str) -> Self {
        self.about = Some(text);
        self
    }

    /// Adds an example of the body, which the route has to accept.
    #[must_use]
    pub fn example(mut self, body: impl Serialize) -> Self {
        // A body that cannot be written as JSON is missing in the document, which counts as a mistake.
        self.example = serde_json::to_value(body).ok();
        self
    }

    /// Describes when the handler's type answers with a status.
    #[must_use]
    pub fn answers(mut self, status: StatusCode, when: &'static str) -> Self {
        self.answers.push((status, when));
        self
    }

    /// Adds a status that is answered as a problem, beside those from the types.
    #[must_use]
    pub fn refuses(mut self, status: StatusCode, when: &'static str) -> Self {
        self.refusals.push((status, when));
        self
    }

    /// Describes the case in which a 404 has a `Retry-After`, because the thing may be on its way
    /// ([`Problem::not_yet`](crate::http::Problem::not_yet)).
    #[must_use]
    pub fn not_yet(self, when: &'static str) -> Self {
        self.try_again(StatusCode::NOT_FOUND, when)
    }

    /// Adds a status that is answered as a problem with a `Retry-After`
    /// ([`Problem::try_again`](crate::http::Problem::try_again)).
    #[must_use]
    pub fn try_again(mut self, status: StatusCode, when: &'static str) -> Self {
        self.for_now.push((status, when));
        self
    }
}
