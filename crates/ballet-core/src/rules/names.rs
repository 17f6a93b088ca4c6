//! The rules for the names of services and steps.

use std::collections::BTreeSet;

use crate::event;
use crate::part::Part;
use crate::problem::Problem;
use crate::topology::names::{JOURNAL, OPS, REDRIVE, TAP, TOPOLOGY, UNROUTED};

/// Names of the system's own queues and broker users.
const TAKEN: [&str; 6] = [JOURNAL, UNROUTED, OPS, REDRIVE, TOPOLOGY, TAP];

pub(super) fn check(part: &Part, problems: &mut Vec<Problem>) {
    let service = part.service;
    if !event::is_well_formed(&format!("{service}.event.v1")) {
        problems.push(Problem {
            rule: "a service's name is lower case with underscores",
            detail: format!(
                "{service:?} would name its queue, its broker user and its events: call it {:?}",
                in_form(service, "my_service")
            ),
        });
    }
    if TAKEN.contains(&service) {
        problems.push(Problem {
            rule: "a service's name is its own",
            detail: format!(
                "{service:?} is a queue or a user that every system has: call the service something \
                 else"
            ),
        });
    }
    // Across all sagas of a service: calls and logs name a step without its saga.
    let (mut names, mut told) = (BTreeSet::new(), BTreeSet::new());
    for step in part.sagas.iter().flat_map(|saga| &saga.steps) {
        if !event::is_well_formed(&format!("service.{}.v1", step.name)) {
            problems.push(Problem {
                rule: "a step's name is lower case with underscores",
                detail: format!(
                    "{service} has a step named {:?}: call it {:?}",
                    step.name,
                    in_form(step.name, "reserve_stock")
                ),
            });
        }
        if !names.insert(step.name) && told.insert(step.name) {
            problems.push(Problem {
                rule: "a step's name is unique in its service",
                detail: format!(
                    "{service} has two steps named {:?}, and its ledger would take one for the \
                     other: rename one of them",
                    step.name
                ),
            });
        }
    }
}

/// The name in the form that is asked for, or this example if nothing of it can stay.
fn in_form(name: &str, example: &str) -> String {
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name = letters.collect::<String>().to_ascii_lowercase();
    let start = name.find(|c: char| c.is_ascii_lowercase());
    start.map_or_else(|| example.to_owned(), |at| name[at..].trim_end_matches('_').to_owned())
}
