//! Compares the bodies that consumers read with those that publishers write, by the schemas in their
//! contracts. A consumer's schema needs only what the consumer reads.

use ballet_core::{EventType, Part, Problem, ServiceContract, System};
use serde_json::Value;

use crate::takes::{Doubt, not_taken};

/// What consumers need and publishers do not write.
pub(crate) fn problems(system: &System, contracts: &[ServiceContract]) -> Vec<Problem> {
    let all: Vec<(&Part, Vec<(EventType, Value)>)> =
        system.parts.iter().zip(contracts.iter().map(schemas)).collect();
    let mut problems = Vec::new();
    for (publisher, written) in &all {
        for event in publisher.emits() {
            let Some(writes) = of(written, event) else { continue };
            for (consumer, read) in &all {
                if consumer.service == publisher.service || !consumer.consumes().contains(&event) {
                    continue;
                }
                let Some(reads) = of(read, event) else { continue };
                let missing = not_taken(reads, writes, Doubt::InFavour);
                problems.extend(missing.into_iter().map(|missing| Problem {
                    rule: "a consumer reads what the publisher writes",
                    detail: format!(
                        "{} reads {event}, and {missing} in the contract of {}: make it optional in \
                         {}, or let {} write it",
                        consumer.service,
                        publisher.service,
                        consumer.service,
                        publisher.service
                    ),
                }));
            }
        }
    }
    problems
}

/// The schemas of a contract whose events were read already.
pub(crate) fn schemas(contract: &ServiceContract) -> Vec<(EventType, Value)> {
    let schemas = contract.schemas().unwrap_or_default();
    schemas.into_iter().map(|(event, schema)| (event, schema.to_value())).collect()
}

pub(crate) fn of(schemas: &[(EventType, Value)], event: EventType) -> Option<&Value> {
    schemas.iter().find(|(known, _)| *known == event).map(|(_, schema)| schema)
}
