//! What a saga waits for.

use jiff::Timestamp;

/// What a saga waits for in a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The service.
    pub service: String,
    /// What it has not done, as a predicate: `has not acted on orders.order_placed.v1`.
    pub what: String,
    /// The event on which it has not acted.
    pub event_type: Option<String>,
    /// The step that would go on. A decision that nobody can make yet has none.
    pub step: Option<&'static str>,
    /// Whether the step stays open by design, for as long as it takes.
    pub stays_open: bool,
    /// Since when.
    pub since: Timestamp,
    /// Why, if that is known.
    pub why: Option<String>,
    /// Whether no process of the service is alive.
    pub is_silent: bool,
    /// Whether its message is a dead letter, so that it goes on only when somebody acts.
    pub is_dead: bool,
    /// When it is tried again, if something failed.
    pub next_at: Option<Timestamp>,
}
