//! Assertions for the rules that need the declarations of all services of a system.

use std::fs;
use std::path::Path;

use ballet::core::{Problem, ServiceContract, System, rules};
use ballet::openapi::Document;
use ballet_check::Contracts;

use crate::openapi::lint;

/// Checks the declarations of a system's services: that each event has a publisher, that each refusal has a handler,
/// that a saga can be compensated until it is decided, and all other rules of [`rules`]. It runs no service.
///
/// A service checks its own declaration when it starts. Only this call checks the whole system, so write a test with
/// it beside each service:
///
/// ```
/// use ballet::Participant;
/// use ballet::core::System;
///
/// # fn orders() -> Participant { Participant::new("orders") }
/// # fn loyalty() -> Participant { Participant::new("loyalty") }
/// let parts = vec![orders().part(), loyalty().part()];
/// ballet_testkit::assert_sound(&System { name: "shop", parts });
/// ```
///
/// # Panics
///
/// If a rule is broken, with the cause and what to change.
pub fn assert_sound(system: &System) {
    assert_no_problems(system.name, &rules::of_system(system));
}

/// Checks that the folder of the system has a service's contract as the code declares it, and that all contracts in
/// that folder together are sound: by the rules of [`assert_sound`], and each consumer reads what the publisher
/// writes. So a service needs the files of the others, but not their code.
///
/// ```no_run
/// use ballet::Participant;
///
/// # fn loyalty() -> Participant { Participant::new("loyalty") }
/// ballet_testkit::assert_contract("../../../docs/contracts/shop", &loyalty().contract());
/// ```
///
/// # Panics
///
/// If the file is missing or out of date, with the command that writes it; or if a rule is broken, with the cause and
/// what to change.
pub fn assert_contract(folder: impl AsRef<Path>, contract: &ServiceContract) {
    let folder = folder.as_ref();
    let service = contract.service();
    let file = folder.join(format!("{service}.json"));
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == contract.text(),
        "{} is not the contract that {service} declares: write it with `cargo ballet contract write \
         {service}`, and tell those who read its events",
        file.display()
    );
    match Contracts::read(folder) {
        Ok(contracts) => assert_no_problems(contracts.system().name, &contracts.problems()),
        Err(error) => panic!("the contracts in {} cannot be read: {error}", folder.display()),
    }
}

/// Checks that the contracts of a system's services, read from their files, are as the code declares them: each part
/// with all its events, and the other permitted publishers.
///
/// # Panics
///
/// If a contract differs, with the first that does.
pub fn assert_contracts_say_all(contracts: &[ServiceContract], system: &System) {
    assert_eq!(contracts.len(), system.parts.len(), "the contracts of {}", system.name);
    for (contract, part) in contracts.iter().zip(&system.parts) {
        let read = serde_json::from_str::<ServiceContract>(&contract.text());
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", part.service));
        assert_eq!(read.part().as_ref(), Ok(part));
        let schemas = read.schemas().unwrap_or_else(|error| panic!("{}: {error}", part.service));
        for event in [part.emits(), part.consumes()].concat() {
            let known = schemas.iter().find(|(known, _)| *known == event);
            let (known, _) = known.unwrap_or_else(|| panic!("no schema of {event}"));
            let is_same = known.role() == event.role()
                && known.foreign_producers() == event.foreign_producers();
            assert!(is_same, "{event}");
        }
    }
}

/// Checks that each service of a system describes its HTTP routes, and that clients can be generated from it.
///
/// # Panics
///
/// If a description is missing or wrong.
pub fn assert_described(documents: &[(&str, Document)], system: &System) {
    for (service, document) in documents {
        assert_eq!(document.mistakes(), [""; 0], "{service}");
        let read = serde_json::from_str(&document.text());
        assert_eq!(lint(&read.unwrap_or_default()), [""; 0], "{service}");
    }
    let mut services: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
    services.sort_unstable();
    let documented: Vec<&str> = documents.iter().map(|(service, _)| *service).collect();
    assert_eq!(documented, services);
}

fn assert_no_problems(system: &str, problems: &[Problem]) {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert!(
        problems.is_empty(),
        "the declarations of {system} break {} rules:\n  {}\n",
        problems.len(),
        lines.join("\n  ")
    );
}

#[cfg(test)]
mod tests {
    use ballet::core::{Part, SubscriptionPart};
    use ballet::{EventType, Participant};

    use super::*;

    #[test]
    #[should_panic(expected = "points waits for orders.order_placed.v1, which nobody emits")]
    fn a_trigger_that_nobody_publishes_is_found() {
        let placed = EventType::in_saga("orders.order_placed.v1");
        let subscriptions = vec![SubscriptionPart { name: "points", on: placed }];
        let points = Part { subscriptions, ..Participant::new("points").part() };
        assert_sound(&System { name: "shop", parts: vec![points] });
    }
}
