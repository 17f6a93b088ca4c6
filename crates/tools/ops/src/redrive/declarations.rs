//! A service's declarations about the event of a dead letter.

use ballet_core::{EventType, Part, Role};

use crate::redrive::dead_letter::DeadLetter;

pub(crate) fn starts_saga(part: Option<&Part>, dead_letter: &DeadLetter) -> bool {
    declared(part, dead_letter).is_some_and(|event| event.role() == Role::StartsSaga)
}

/// Whether only the inbox prevents a second handling: the service follows the event outside of sagas, or is not known
/// to consume it.
pub(crate) fn needs_the_inbox(part: Option<&Part>, dead_letter: &DeadLetter) -> bool {
    let Some(part) = part else { return true };
    match declared(Some(part), dead_letter) {
        Some(event) => part.subscriptions.iter().any(|followed| followed.on == event),
        None => true,
    }
}

fn declared(part: Option<&Part>, dead_letter: &DeadLetter) -> Option<EventType> {
    let name = dead_letter.event_type.as_deref()?;
    part?.consumes().into_iter().find(|event| event.name() == name)
}
