//! Dead letters that block a saga.

use anyhow::Result;
use ballet::core::{Part, Role};
use ballet_ops::redrive::DeadLetter;

use crate::operator::dead_letters::ServiceQueue;
use crate::operator::sagas::service_waits::ServiceWaits;
use crate::operator::sagas::stuck_saga::StuckSaga;

/// Adds those that the service's own list lacks: those that reached no handler, and all if its database is unknown.
pub(super) async fn add_dead_letters(
    queue: &ServiceQueue,
    noted: &ServiceWaits,
    all: &mut Vec<StuckSaga>,
) -> Result<()> {
    if queue.status.dead_letters == 0 {
        return Ok(());
    }
    let mut others = Vec::new();
    let add = |dead_letter: DeadLetter| {
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
    all.extend(others);
    Ok(())
}

/// An event outside of sagas may have a correlation id, and one that starts a saga may have none.
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
