//! The messages of a run, as the items that its handlers take. Each begins its step's span.

use ballet_core::AnyEvent;
use ballet_store::ledger::event::EncodedEvent;
use bytes::Bytes;
use jiff::Timestamp;

use crate::declare::handler::clock::Clock;
use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::{Item, Lineage};
use crate::engine::rollback::RunFailure;
use crate::lane::message::message::{LaneMessage, LaneWork};

/// The message at this place of a batch.
pub(crate) fn message(works: &mut [LaneWork], at: usize) -> Option<&mut LaneMessage> {
    match works.get_mut(at) {
        Some(LaneWork::Message(message)) => Some(message),
        Some(LaneWork::Answer(_)) | None => None,
    }
}

/// The events of a run for the handler at this place.
pub(crate) fn items(
    works: &mut [LaneWork],
    run: &[usize],
    place: usize,
    clock: &Clock,
) -> Result<Vec<Item<AnyEvent>>, RunFailure> {
    let (mut items, now) = (Vec::with_capacity(run.len()), clock.now());
    for (at, work) in run.iter().enumerate() {
        let Some(message) = message(works, *work) else { continue };
        let lineage = begin_step(message, clock, now);
        let event = message.event(place).map_err(|failure| RunFailure::of(at, failure))?;
        items.push(item(message, lineage, event)?);
    }
    Ok(items)
}

/// The aborts of a run, as they came.
pub(crate) fn abort_events(
    works: &mut [LaneWork],
    run: &[usize],
    clock: &Clock,
) -> Result<Vec<Item<EncodedEvent>>, RunFailure> {
    let (mut abort_events, now) = (Vec::with_capacity(run.len()), clock.now());
    for at in run {
        let Some(message) = message(works, *at) else { continue };
        let lineage = begin_step(message, clock, now);
        let body = Bytes::copy_from_slice(message.body());
        let abort_event = EncodedEvent { event_type: message.envelope.event_type, body };
        abort_events.push(item(message, lineage, abort_event)?);
    }
    Ok(abort_events)
}

/// Begins the run of a handler for a message; what follows is related to both.
pub(crate) fn begin_step(message: &mut LaneMessage, clock: &Clock, now: Timestamp) -> Lineage {
    let cause = Some(message.envelope.message_id);
    Lineage { cause, trace: Some(message.traced.begin_step(clock, now)) }
}

fn item<E>(message: &LaneMessage, lineage: Lineage, event: E) -> Result<Item<E>, Failure> {
    let envelope = &message.envelope;
    let saga_id = envelope.saga_id.ok_or_else(|| {
        Failure::permanent(format!("{} came without a saga", envelope.event_type))
    })?;
    Ok(Item { saga_id, event, lineage })
}
