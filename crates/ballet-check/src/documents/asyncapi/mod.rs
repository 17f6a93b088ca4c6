//! AsyncAPI 3 documents: the messages that a service, or a whole system, sends and receives over the broker.

mod document;
mod facts;
mod messages;
mod schemas;
#[cfg(test)]
mod tests;

use ballet_core::{Part, ServiceContract, System};

use crate::documents::asyncapi::document::AsyncApiDocument;

/// Returns the document of one service. `None` if the system has no such service.
#[must_use]
pub fn of_service(system: &System, contracts: &[ServiceContract], service: &str) -> Option<String> {
    let (part, contract) = both(system, contracts).find(|(part, _)| part.service == service)?;
    let mut document = AsyncApiDocument::new(system.name, Some(service), [contract]);
    document.service(part, contract);
    Some(document.text())
}

/// Returns the document of a whole system. The body of an event is that of the service that the event is named after.
#[must_use]
pub fn of_system(system: &System, contracts: &[ServiceContract]) -> String {
    let mut document = AsyncApiDocument::new(system.name, None, contracts);
    for (part, contract) in both(system, contracts) {
        document.service(part, contract);
    }
    for (producer, events) in system.foreign_producers() {
        document.producer(producer, &events);
    }
    document.text()
}

fn both<'a>(
    system: &'a System,
    contracts: &'a [ServiceContract],
) -> impl Iterator<Item = (&'a Part, &'a ServiceContract)> {
    let of_part = |part: &'a Part| {
        Some((part, contracts.iter().find(|contract| contract.service() == part.service)?))
    };
    system.parts.iter().filter_map(of_part)
}
