//! Holds back the aborts of a restored service until it has heard what it missed.
//!
//! An abort that waited in its queue would come first. The steps before it would then not be taken again,
//! and what they did at another company would stay as it is, unknown to the service.

use std::collections::BTreeSet;

use ballet_core::Part;

/// The events that the service puts off meanwhile: aborts, and in the owner of a saga what makes it abort.
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
