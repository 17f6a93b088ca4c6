//! What a customer has begun, and how it must end.

use uuid::Uuid;

/// How a saga ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It came to its good end.
    Completed,
    /// It was aborted, for this reason: what `reason` is in the event.
    Aborted(String),
}

impl End {
    /// The end of a saga that is aborted for this reason.
    #[must_use]
    pub fn aborted(reason: impl Into<String>) -> Self {
        Self::Aborted(reason.into())
    }
}

/// A saga that a customer has begun, and how it must end.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its id.
    pub saga: Uuid,
    /// The end that it must have.
    pub end: End,
}
