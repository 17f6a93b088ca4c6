//! The rules of a sound choreography. Those that one service's declaration breaks by itself stop it
//! from starting; the others need the declarations of all services.

mod copies;
mod events;
mod keys;
mod names;
mod owner;
mod path;
mod personal;
mod reach;
mod telemetry;
mod versions;

use crate::contract::ServiceContract;
use crate::parts::part::{Part, System};
use crate::problem::Problem;

/// Every rule that one service's declaration breaks, whatever the other services declare.
#[must_use]
pub fn of_service(part: &Part) -> Vec<Problem> {
    whatever_others_declare(&System { name: "", parts: vec![part.clone()] })
}

/// Every rule that the schemas and the business keys of a contract break, whatever the other services declare.
#[must_use]
pub fn of_contract(contract: &ServiceContract) -> Vec<Problem> {
    [keys::problems(contract), personal::problems(contract)].concat()
}

/// Every rule that the declarations of a whole system break.
#[must_use]
pub fn of_system(system: &System) -> Vec<Problem> {
    let mut problems = whatever_others_declare(system);
    events::check_emitters(system, &mut problems);
    events::check_agreement(system, &mut problems);
    copies::check_owners(system, &mut problems);
    telemetry::check_publishers(system, &mut problems);
    names::check_producers(system, &mut problems);
    owner::check_agreement(system, &mut problems);
    versions::check_triggers(system, &mut problems);
    versions::check_readers(system, &mut problems);
    versions::in_each(system, owner::check_answers, &mut problems);
    versions::in_each(system, path::check_order, &mut problems);
    versions::in_each(system, reach::check, &mut problems);
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
    }
    events::check_sharing(system, &mut problems);
    versions::check_beginnings(system, &mut problems);
    versions::in_each(system, path::check, &mut problems);
    problems
}
