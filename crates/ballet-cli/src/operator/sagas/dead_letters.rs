//! Dead letters that keep a saga from going on, and those that are no longer there.

use std::collections::HashSet;

use anyhow::Result;
use ballet::core::{Part, Role};
use ballet_ops::redrive::DeadLetter;

use crate::operator::dead_letters::ServiceQueue;
use crate::operator::sagas::service_waits::ServiceWaits;
use crate::operator::sagas::stuck_saga::StuckSaga;

/// Adds the dead letters that are not in the service's own list: those that reached no handler, and all of a service
/// whose database is not known. Marks listed ones that are not in the queue: somebody purged it.
pub(super) async fn add_dead_letters(
    queue: &ServiceQueue,
    noted: &ServiceWaits,
    all: &mut Vec<StuckSaga>,
) -> Result<()> {
    // A message that was sent back is on its way to the service's queue.
    let is_dead = |one: &StuckSaga| {
        one.published.is_some() && one.next_at.is_none() && one.sent_back_at.is_none()
    };
    let is_of_service = |one: &&mut StuckSaga| one.service == queue.service() && is_dead(one);
    // The queue was counted before the database was read.
    let expected = all.iter_mut().filter(is_of_service).count();
    if queue.status.dead_letters == 0 && expected == 0 {
        return Ok(());
    }
    let (mut there, mut others) = (HashSet::new(), Vec::new());
    let add = |dead_letter: DeadLetter| {
        there.insert(dead_letter.id);
        if !noted.messages.contains(&dead_letter.id)
            && let Some(saga) = saga_of(&dead_letter, queue.part.as_ref())
        {
            others.push(StuckSaga {
                saga,
                service: dead_letter.service,
                step: dead_letter.step,
                what: dead_letter.event_type,
                since: dead_letter.dead_at,
                reason: dead_letter.reason,
                detail: dead_letter.detail,
                attempts: dead_letter.attempts,
                ..StuckSaga::default()
            });
        }
    };
    queue.browse(add).await?;
    // Messages that another reader holds are invisible.
    if queue.status.readers == 0 && !noted.has_unsent {
        for waiting in all.iter_mut().filter(is_of_service) {
            waiting.is_lost = waiting.published.is_some_and(|(id, _)| !there.contains(&id));
        }
    }
    all.extend(others);
    Ok(())
}

/// The saga of a dead letter. An event outside of sagas may have a correlation id of its own, and one
/// that starts a saga may have none.
fn saga_of(dead_letter: &DeadLetter, part: Option<&Part>) -> Option<String> {
    let known = part.map(Part::consumes).unwrap_or_default();
    let event = known.iter().find(|event| Some(event.name()) == dead_letter.event_type.as_deref());
    match event.map(|event| event.role()) {
        Some(Role::Plain) => None,
        Some(Role::StartsSaga) => {
            Some(dead_letter.saga.clone().unwrap_or_else(|| dead_letter.id.to_string()))
        }
        Some(Role::InSaga) | None => dead_letter.saga.clone(),
    }
}
