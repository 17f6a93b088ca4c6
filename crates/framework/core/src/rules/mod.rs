//! The rules of a sound choreography. Those that one service's declaration breaks by itself stop it
//! from starting; the others need the declarations of all services. [`catalogue`] has the texts of all.

pub mod catalogue;
mod conflicts;
mod copies;
mod events;
mod exceptions;
mod keys;
mod money;
mod names;
mod notes;
mod owner;
mod packs;
mod path;
mod personal;
pub(crate) mod problem;
mod reach;
mod telemetry;
mod versions;

use crate::contract::ServiceContract;
use crate::parts::part::{Part, System};
use crate::rules::problem::Problem;

/// Every rule that one service's declaration breaks, whatever the other services declare.
#[must_use]
pub fn of_service(part: &Part) -> Vec<Problem> {
    whatever_others_declare(&System { name: "", parts: vec![part.clone()] })
}

/// Returns what is perhaps a flaw in a system, also if it is excepted. `contracts` are those of its services.
#[must_use]
pub fn notes(system: &System, contracts: &[ServiceContract]) -> Vec<Problem> {
    let mut notes = Vec::new();
    versions::in_each(system, notes::check, &mut notes);
    notes.extend(contracts.iter().flat_map(money::notes));
    notes
}

/// Whether the service of a problem excepts it, with a reason.
#[must_use]
pub fn is_excepted(system: &System, problem: &Problem) -> bool {
    exceptions::has(system, problem)
}

/// Returns a note for each exception that excepts nothing of what was found.
#[must_use]
pub fn unused_exceptions(system: &System, found: &[Problem]) -> Vec<Problem> {
    exceptions::unused(system, found)
}

/// Every rule that the schemas and the business keys of a contract break, whatever the other services declare.
#[must_use]
pub fn of_contract(contract: &ServiceContract) -> Vec<Problem> {
    [keys::problems(contract), packs::problems(contract), personal::problems(contract)].concat()
}

/// Every rule that the declarations of a whole system break, but for what the services except.
#[must_use]
pub fn of_system(system: &System) -> Vec<Problem> {
    let mut problems = with_excepted(system);
    problems.retain(|problem| !is_excepted(system, problem));
    problems
}

/// Every rule that the declarations of a whole system break, and what the services except.
#[must_use]
pub fn with_excepted(system: &System) -> Vec<Problem> {
    let mut problems = whatever_others_declare(system);
    events::check_emitters(system, &mut problems);
    events::check_agreement(system, &mut problems);
    packs::check_consumers(system, &mut problems);
    copies::check_owners(system, &mut problems);
    copies::check_feeds(system, &mut problems);
    telemetry::check_publishers(system, &mut problems);
    owner::check_agreement(system, &mut problems);
    versions::check_triggers(system, &mut problems);
    versions::in_each(system, owner::check_answers, &mut problems);
    versions::in_each(system, path::check_order, &mut problems);
    versions::in_each(system, reach::check, &mut problems);
    versions::in_each(system, conflicts::check, &mut problems);
    problems
}

/// A service that joins or leaves the system repairs none of these.
fn whatever_others_declare(system: &System) -> Vec<Problem> {
    let mut problems = Vec::new();
    for part in &system.parts {
        names::check(part, &mut problems);
        events::check(part, &mut problems);
        owner::check(part, &mut problems);
        versions::check(part, &mut problems);
        copies::check(part, &mut problems);
        telemetry::check(part, &mut problems);
        exceptions::check(part, &mut problems);
    }
    events::check_sharing(system, &mut problems);
    versions::check_beginnings(system, &mut problems);
    versions::in_each(system, path::check, &mut problems);
    problems
}
