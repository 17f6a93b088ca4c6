//! Which events of one commit leave as one message.
//!
//! Events of a type whose owner packs it leave together, as long as none overtakes another event of
//! its saga. Those outside of sagas keep their order among themselves.

use std::collections::HashMap;
use std::sync::Arc;

use ballet_amqp::pack::of_members;
use ballet_amqp::{BatchId, OutBatch, Outgoing};
use ballet_core::SagaId;
use ballet_core::envelope::pack::{BYTES, MEMBERS};
use ballet_store::outbox::wire::OutgoingEvent;

use crate::engine::registry::Registry;

/// A batch of these events, in packs where that is declared.
pub(crate) fn batch(registry: &Registry, batch: BatchId, events: Vec<OutgoingEvent>) -> OutBatch {
    if !registry.packs_any() {
        return OutBatch::new(batch, events);
    }
    let places = places(events.iter().map(|event| SentEvent {
        event_type: event.routing_key(),
        saga: event.saga_id,
        bytes: event.body_len(),
        packs: registry.packs(event.routing_key()),
    }));
    let mut groups: Vec<(Vec<OutgoingEvent>, Vec<i32>)> = Vec::new();
    for ((position, event), place) in (0..).zip(events).zip(places) {
        if place == groups.len() {
            groups.push((Vec::new(), Vec::new()));
        }
        let (members, positions) = &mut groups[place];
        members.push(event);
        positions.push(position);
    }
    let messages = groups.into_iter().map(|(members, positions)| (message(members), positions));
    OutBatch { batch, messages: messages.collect() }
}

/// The message of some events. One alone leaves as it does without packs.
fn message(mut members: Vec<OutgoingEvent>) -> Arc<dyn Outgoing> {
    if members.len() == 1 {
        return Arc::new(members.remove(0));
    }
    metrics::counter!("ballet_packs_total").increment(1);
    let first = members[0].to_publish();
    Arc::new(of_members(&first, members.iter().map(OutgoingEvent::member)))
}

#[derive(Debug, Clone, Copy)]
struct SentEvent<'a> {
    event_type: &'a str,
    saga: Option<SagaId>,
    bytes: usize,
    packs: bool,
}

struct OpenPack {
    place: usize,
    members: usize,
    bytes: usize,
}

/// Returns the place of each event's message among the messages. A place that was not there before
/// is the next one.
fn places<'a>(events: impl Iterator<Item = SentEvent<'a>>) -> Vec<usize> {
    let mut next = 0;
    let mut open: HashMap<&str, OpenPack> = HashMap::new();
    let mut last: HashMap<Option<SagaId>, usize> = HashMap::new();
    let place = |event: SentEvent<'a>| {
        let after = last.entry(event.saga).or_insert(0);
        let fits = |pack: &&mut OpenPack| {
            pack.place >= *after
                && pack.members < MEMBERS
                && pack.bytes.saturating_add(event.bytes) <= BYTES
        };
        let known = open.get_mut(event.event_type).filter(|_| event.packs);
        let place = match known.filter(fits) {
            Some(pack) => {
                pack.members += 1;
                pack.bytes += event.bytes;
                pack.place
            }
            None => {
                let (place, members, bytes) = (next, 1, event.bytes);
                next += 1;
                if event.packs {
                    open.insert(event.event_type, OpenPack { place, members, bytes });
                }
                place
            }
        };
        *after = place;
        place
    };
    events.map(place).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn event(event_type: &str, saga: u128) -> SentEvent<'_> {
        let saga = (saga > 0).then(|| SagaId(Uuid::from_u128(saga)));
        SentEvent { event_type, saga, bytes: 10, packs: event_type != "alone" }
    }

    #[test]
    fn events_of_one_type_leave_together_unless_they_would_overtake_their_saga() {
        let events = [
            event("a", 1),
            event("b", 1),
            event("a", 2),
            event("alone", 3),
            event("b", 2),
            event("alone", 4),
            // Its saga has an event in a later message.
            event("a", 1),
            event("a", 3),
        ];
        assert_eq!(places(events.into_iter()), [0, 1, 0, 2, 1, 3, 4, 4]);
    }

    #[test]
    fn a_pack_is_full_by_number_and_by_bytes() {
        let many = std::iter::repeat_n(event("a", 1), MEMBERS + 1);
        assert_eq!(places(many).last(), Some(&1));
        let big = SentEvent { bytes: BYTES / 2, ..event("a", 1) };
        assert_eq!(places([big, big, big, event("a", 1)].into_iter()), [0, 0, 1, 1]);
        let huge = SentEvent { bytes: 2 * BYTES, ..event("a", 1) };
        assert_eq!(places([huge, event("a", 2)].into_iter()), [0, 1]);
    }

    proptest! {
        #[test]
        fn order_is_kept_within_each_saga(
            events in prop::collection::vec((0_usize..4, 0_u128..4), 0..300),
        ) {
            const TYPES: [&str; 4] = ["a", "b", "c", "alone"];
            let events: Vec<SentEvent<'_>> =
                events.into_iter().map(|(of, saga)| event(TYPES[of], saga)).collect();
            let places = places(events.iter().copied());
            let mut seen = 0;
            let mut last = HashMap::new();
            for (event, place) in events.iter().zip(places) {
                prop_assert!(place <= seen, "places come in order");
                seen = seen.max(place + 1);
                let before = last.insert(event.saga, place);
                prop_assert!(before.is_none_or(|before| before <= place));
            }
        }
    }
}
