//! Holds back the aborts of a restored service until it has heard what it missed.
//!
//! An abort that waited in its queue would come first. The steps before it would then not be taken again,
//! and what they did at another company would stay as it is, unknown to the service.

use std::collections::BTreeSet;

use ballet_core::Part;

/// The events that the service puts off meanwhile. The owner of a saga hears of no abort.
#[must_use]
pub fn held_back(part: &Part) -> BTreeSet<&'static str> {
    let aborts = part.sagas.iter().filter_map(|saga| saga.abort);
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let undoes = steps.flat_map(|step| step.compensated_by.iter().copied());
    let heard: BTreeSet<&str> = part.consumes().iter().map(|event| event.name()).collect();
    let aborts = aborts.chain(undoes).map(|event| event.name());
    aborts.filter(|name| heard.contains(name)).collect()
}
