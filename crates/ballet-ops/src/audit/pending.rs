//! What a service has not done yet.

use ballet_store::calls::open::OpenCall;
use ballet_store::operators::interventions::Intervention;
use ballet_store::operators::solved::Waiting;
use ballet_store::outbox::left_behind::Unpublished;
use uuid::Uuid;

/// What one service has not done yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    pub(crate) calls: Vec<OpenCall>,
    /// The sagas of which compensations are left, after an answer or after what a person did.
    pub(crate) compensations: Vec<Waiting>,
    /// The oldest ones, if there are very many.
    pub(crate) unpublished: Vec<Unpublished>,
    pub(crate) unpublished_count: i64,
    /// The saga, type and reason of each event that can never be published.
    pub(crate) unpublishable: Vec<(Option<Uuid>, String, String)>,
    /// The events that a person has discarded.
    pub(crate) discarded: Vec<Intervention>,
}

/// The discard of this event, which a saga misses in a service: as the service's dead letter, or as an event
/// that its publisher could not publish. With the words who did it, and why.
pub(crate) fn discarded<'a>(
    mut all: impl Iterator<Item = (&'a str, &'a Intervention)>,
    service: &str,
    event_type: Option<&str>,
) -> Option<String> {
    let event_type = event_type?;
    let publisher = event_type.split('.').next();
    let (_, Intervention { at, by, why, .. }) = all.find(|(of, act)| {
        act.event_type.as_deref() == Some(event_type) && (*of == service || Some(*of) == publisher)
    })?;
    let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    Some(format!("discarded by {by} at {at:.0}{why}"))
}
