//! The aborts that a restored service holds back until it has received the missed events.
//!
//! An abort in its queue would come first. The steps before it would then not run again, and their effects at another
//! company would stay, unknown to the service.

use std::collections::BTreeSet;

use ballet_core::{Part, StepKind};

/// Returns the events that the service holds back meanwhile: aborts and, in a saga's owner, the events on which it
/// aborts.
#[must_use]
pub fn held_back(part: &Part) -> BTreeSet<&'static str> {
    let aborts = part.sagas.iter().flat_map(|saga| {
        let passed = saga.deadline.map(|deadline| deadline.passed);
        saga.abort.into_iter().chain(saga.aborts_on.iter().copied()).chain(passed)
    });
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let undoes = steps.flat_map(|step| step.compensated_by.iter().copied());
    let heard: BTreeSet<&str> = part.consumes().iter().map(|event| event.name()).collect();
    let aborts = aborts.chain(undoes).map(|event| event.name());
    aborts.filter(|name| heard.contains(name)).collect()
}

/// Returns the events that the owner of their saga holds back until it knows the saga, without those that begin it. In
/// other services a waiting step has its own reasons.
#[must_use]
pub fn after_the_beginning(part: &Part) -> BTreeSet<&'static str> {
    let owned = part.sagas.iter().filter(|saga| saga.owner == part.service);
    let steps = owned.flat_map(|saga| &saga.steps);
    let (begin, follow): (Vec<_>, Vec<_>) = steps.partition(|step| step.kind == StepKind::Origin);
    let mut after: BTreeSet<&str> =
        follow.iter().flat_map(|step| &step.on).map(|event| event.name()).collect();
    for event in begin.iter().flat_map(|step| &step.on) {
        after.remove(event.name());
    }
    after
}

#[cfg(test)]
mod tests {
    use ballet_core::{EventType, SagaPart, StepPart};

    use super::*;

    fn saga(owner: &'static str, begin: &'static str, follow: &'static str) -> SagaPart {
        let event = EventType::plain;
        let step = |name, kind, on| StepPart::new(name, kind, vec![event(on)], event("a.done.v1"));
        let (origin, decision) = (StepKind::Origin, StepKind::Decision);
        let steps = vec![step("accept", origin, begin), step("confirm", decision, follow)];
        SagaPart::new("trip", owner, steps)
    }

    #[test]
    fn only_what_an_owner_hears_after_the_beginning_waits_for_it() {
        let own = saga("agency", "desk.trip_wanted.v1", "hotel.room_booked.v1");
        let others = saga("desk", "desk.tour_wanted.v1", "hotel.tour_booked.v1");
        let part = |sagas| Part { service: "agency", sagas, ..Part::default() };
        let found = after_the_beginning(&part(vec![own, others.clone()]));
        assert_eq!(found, BTreeSet::from(["hotel.room_booked.v1"]));
        assert!(after_the_beginning(&part(vec![others])).is_empty());
    }
}
