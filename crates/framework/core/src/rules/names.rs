//! The rules for the names of services and steps.

use std::collections::BTreeSet;

use crate::events::event::{self, EventType};
use crate::parts::part::{Part, SubscriptionPart};
use crate::rules::catalogue;
use crate::rules::problem::Problem;
use crate::topology::names::{
    DEAD, EVENTS, JOURNAL, OPS, REDRIVE, TAP, TELEMETRY, TOPOLOGY, UNROUTED,
};

/// Names of the system's own queues, users and exchanges. Rights go by patterns over names, so a
/// queue of such a name could be bound to it.
const TAKEN: [&str; 9] = [JOURNAL, UNROUTED, OPS, REDRIVE, TOPOLOGY, TAP, EVENTS, DEAD, TELEMETRY];

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let service = part.service;
    if !event::is_well_formed(&format!("{service}.event.v1")) {
        problems.push(Problem {
            rule: &catalogue::SERVICE_NAME,
            service: service.to_owned(),
            of: String::new(),
            detail: format!(
                "{service:?} would name its queue, its broker user and its events: call it {:?}",
                in_form(service, "my_service")
            ),
        });
    }
    if TAKEN.contains(&service) {
        problems.push(Problem {
            rule: &catalogue::SERVICE_NAME_TAKEN,
            service: service.to_owned(),
            of: String::new(),
            detail: format!(
                "{service:?} is a queue, an exchange or a user that every system has: call the service \
                 something else"
            ),
        });
    }
    // Across all sagas of a service, since calls and logs name a step without its saga.
    let (mut names, mut told) = (BTreeSet::new(), BTreeSet::new());
    for step in part.sagas.iter().flat_map(|saga| &saga.steps) {
        if !event::is_well_formed(&format!("service.{}.v1", step.name)) {
            problems.push(Problem {
                rule: &catalogue::STEP_NAME,
                service: service.to_owned(),
                of: step.name.to_owned(),
                detail: format!(
                    "{service} has a step named {:?}: call it {:?}",
                    step.name,
                    in_form(step.name, "reserve_stock")
                ),
            });
        }
        if !names.insert(step.name) && told.insert(step.name) {
            problems.push(Problem {
                rule: &catalogue::STEP_NAME_UNIQUE,
                service: service.to_owned(),
                of: step.name.to_owned(),
                detail: format!(
                    "{service} has two steps named {:?}, and its ledger would take one for the \
                     other: rename one of them",
                    step.name
                ),
            });
        }
    }
    check_handlers(part, problems);
}

/// Retries, dead letters and metrics name a handler by its event and its name.
fn check_handlers(part: &Part, problems: &mut Vec<Problem>) {
    let steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let steps = steps.flat_map(|step| step.on.iter().map(|on| (*on, step.name)));
    let mut handlers: BTreeSet<(EventType, &str)> = steps.collect();
    for SubscriptionPart { name, on } in &part.subscriptions {
        if !handlers.insert((*on, name)) {
            problems.push(Problem {
                rule: &catalogue::HANDLER_NAME,
                service: part.service.to_owned(),
                of: (*name).to_owned(),
                detail: format!(
                    "{} handles {on} with two handlers named {name:?}, and they would share retries and dead \
                     letters: declare the projection once, or rename it",
                    part.service
                ),
            });
        }
    }
}

/// The name in the required form, or this example if nothing of it can stay.
fn in_form(name: &str, example: &str) -> String {
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name = letters.collect::<String>().to_ascii_lowercase();
    let start = name.find(|c: char| c.is_ascii_lowercase());
    start.map_or_else(|| example.to_owned(), |at| name[at..].trim_end_matches('_').to_owned())
}
