//! Compares the bodies that consumers read with those that publishers write, by the schemas in their
//! contracts. A consumer's schema needs only what the consumer reads.

use ballet_core::{EventType, Part, Problem, ServiceContract, System, TelemetryType};
use serde_json::Value;

use crate::takes::{Doubt, NotTaken, not_taken};

/// What consumers need and publishers do not write.
pub(crate) fn problems(system: &System, contracts: &[ServiceContract]) -> Vec<Problem> {
    let all: Vec<(&Part, Vec<(EventType, Value)>)> =
        system.parts.iter().zip(contracts.iter().map(schemas)).collect();
    let mut problems = of_telemetry(system, contracts);
    for (publisher, written) in &all {
        for event in publisher.emits() {
            let Some(writes) = of(written, event) else { continue };
            for (consumer, read) in &all {
                if consumer.service == publisher.service || !consumer.consumes().contains(&event) {
                    continue;
                }
                let Some(reads) = of(read, event) else { continue };
                let missing = not_taken(reads, writes, Doubt::InFavour);
                let (reader, writer) = (consumer.service, publisher.service);
                problems
                    .extend(missing.iter().map(|one| problem(reader, event.name(), one, writer)));
            }
        }
    }
    problems
}

/// The same for the telemetry that readers read.
fn of_telemetry(system: &System, contracts: &[ServiceContract]) -> Vec<Problem> {
    let all: Vec<(&Part, Vec<(TelemetryType, Value)>)> =
        system.parts.iter().zip(contracts.iter().map(telemetry)).collect();
    let mut problems = Vec::new();
    for (publisher, written) in &all {
        for sent in &publisher.telemetry {
            let Some(writes) = of_name(written, sent.name()) else { continue };
            let reads_it =
                |part: &Part| part.readers.iter().any(|one| one.reads.name() == sent.name());
            for (consumer, read) in all.iter().filter(|(part, _)| reads_it(part)) {
                if consumer.service == publisher.service {
                    continue;
                }
                let Some(reads) = of_name(read, sent.name()) else { continue };
                let (reader, writer) = (consumer.service, publisher.service);
                let missing = not_taken(reads, writes, Doubt::InFavour);
                problems
                    .extend(missing.iter().map(|one| problem(reader, sent.name(), one, writer)));
            }
        }
    }
    problems
}

fn problem(reader: &str, what: &str, missing: &NotTaken, writer: &str) -> Problem {
    Problem {
        rule: "a consumer reads what the publisher writes",
        detail: format!(
            "{reader} reads {what}, and {missing} in the contract of {writer}: make it optional in {reader}, or let \
             {writer} write it"
        ),
    }
}

/// The schemas of a contract's telemetry.
pub(crate) fn telemetry(contract: &ServiceContract) -> Vec<(TelemetryType, Value)> {
    let schemas = contract.telemetry_schemas().unwrap_or_default();
    schemas.into_iter().map(|(telemetry, schema)| (telemetry, schema.to_value())).collect()
}

/// The schema of the telemetry with this name.
pub(crate) fn of_name<'a>(schemas: &'a [(TelemetryType, Value)], name: &str) -> Option<&'a Value> {
    schemas.iter().find(|(known, _)| known.name() == name).map(|(_, schema)| schema)
}

/// The schemas of a contract whose events were read already.
pub(crate) fn schemas(contract: &ServiceContract) -> Vec<(EventType, Value)> {
    let schemas = contract.schemas().unwrap_or_default();
    schemas.into_iter().map(|(event, schema)| (event, schema.to_value())).collect()
}

pub(crate) fn of(schemas: &[(EventType, Value)], event: EventType) -> Option<&Value> {
    schemas.iter().find(|(known, _)| *known == event).map(|(_, schema)| schema)
}
