//! The reasons why a request has no answer that counts.

use std::time::Duration;

use crate::declare::handler::failure::Failure;

/// A request without an answer that counts. It is repeated under the same key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing was sent.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The time is over. The outcome is unknown.
    #[error("no whole answer within {0:?}")]
    TooSlow(Duration),
    /// The connection broke. The outcome is unknown.
    #[error("the connection broke: {0}")]
    Cut(String),
    /// The other side cannot answer now. The outcome is unknown.
    #[error("it answers {status}")]
    Unavailable {
        /// The status.
        status: u16,
        /// The time that the other side asks to wait.
        after: Option<Duration>,
    },
    /// The answer does not have the API's form. The outcome is unknown.
    #[error("its answer is not understood: {0}")]
    NotUnderstood(String),
    /// The other side has no outcome yet.
    #[error("it has no outcome yet")]
    NotYet {
        /// The time that the other side asks to wait.
        after: Option<Duration>,
    },
    /// There are too many requests.
    #[error("it answers 429: too many requests")]
    TooMany {
        /// The time that the other side asks to wait.
        after: Option<Duration>,
    },
    /// The request or our account is at fault. A person has to look.
    #[error("it refuses the request with {status}{}{detail}", if .detail.is_empty() { "" } else { ": " })]
    Refused {
        /// The status.
        status: u16,
        /// The other side's explanation.
        detail: String,
    },
    /// The answer is about another request.
    #[error("its answer is not ours: {0}")]
    Foreign(String),
    /// A secret cannot be read.
    #[error("the key cannot be used: {0}")]
    NoKey(String),
}

impl NoAnswer {
    /// Whether the other side may have acted.
    #[must_use]
    pub const fn may_have_acted(&self) -> bool {
        match self {
            Self::TooSlow(_) | Self::Cut(_) | Self::Unavailable { .. } | Self::NotUnderstood(_) => {
                true
            }
            Self::Unreachable(_)
            | Self::NotYet { .. }
            | Self::TooMany { .. }
            | Self::Refused { .. }
            | Self::Foreign(_)
            | Self::NoKey(_) => false,
        }
    }

    /// Returns the failure of the call to `who`, with the pause that was asked for.
    #[must_use]
    pub fn failure(self, who: &str) -> Failure {
        let text = format!("{who}: {self}");
        let (failure, after) = match self {
            // The other statuses are about our account, or temporary.
            Self::Refused { status: 400 | 413 | 422, .. } => return Failure::permanent(text),
            Self::NotYet { after } => (Failure::not_yet(text), after),
            Self::TooMany { after } | Self::Unavailable { after, .. } => {
                (Failure::transient(text), after)
            }
            _ => return Failure::transient(text),
        };
        match after {
            Some(after) => failure.again_after(after),
            None => failure,
        }
    }
}
