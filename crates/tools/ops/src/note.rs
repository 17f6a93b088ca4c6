//! The note of who acts on messages, when and why.

use ballet_store::operators::interventions::{Act, SignedAct};
use jiff::Timestamp;

/// A note of who acts on dead letters, when and why. The headers of the sent messages have it, and so the journal.
#[derive(Debug, Clone)]
pub struct Note {
    /// The person.
    pub by: String,
    /// The reason, if one is given.
    pub why: Option<String>,
    /// The time.
    pub at: Timestamp,
}

impl Note {
    /// Returns the note of an act for the database of a service.
    #[must_use]
    pub fn of(&self, act: Act) -> SignedAct<'_> {
        SignedAct { act, name: &self.by, why: self.why.as_deref() }
    }
}
