//! The sagas that customers begin, and their expected ends.

use uuid::Uuid;

/// The end of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The saga came to its good end.
    Completed,
    /// The saga was aborted, with this `reason` in the event.
    Aborted(String),
}

impl End {
    /// The end of a saga that is aborted for this reason.
    #[must_use]
    pub fn aborted(reason: impl Into<String>) -> Self {
        Self::Aborted(reason.into())
    }
}

/// A saga that a customer has begun, and its expected end.
#[derive(Debug, Clone)]
pub struct BegunSaga {
    /// Its id.
    pub saga: Uuid,
    /// The expected end.
    pub end: End,
}
