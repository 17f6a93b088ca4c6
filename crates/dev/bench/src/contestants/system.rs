//! The declarations of `saga4`, which make every contestant's topology.

use ballet::Participant;
use ballet::core::System;

use crate::contestants::handlers;
use crate::saga4::contract::SERVICES;

/// The system, as the handlers declare it.
#[must_use]
pub fn system() -> System {
    let parts = SERVICES.iter().filter_map(|service| handlers::participant(service));
    System { name: "saga4", parts: parts.map(|part: Participant| part.part()).collect() }
}
