//! Compares the bodies that consumers read and publishers write, by their contracts. A consumer's schema needs only the
//! fields that it reads.

use ballet_core::{EventType, Part, Problem, ServiceContract, System, TelemetryType};
use schemars::Schema;
use serde_json::Value;

use crate::takes::{Doubt, Mismatch, MismatchKind, mismatches};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BodyType<'a> {
    Event(EventType),
    Telemetry(&'a str),
}

impl<'a> BodyType<'a> {
    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Event(event) => event.name(),
            Self::Telemetry(name) => name,
        }
    }

    pub(crate) fn is_written_by(self, part: &Part) -> bool {
        match self {
            Self::Event(event) => part.emits().contains(&event),
            Self::Telemetry(name) => part.telemetry.iter().any(|one| one.name() == name),
        }
    }

    pub(crate) fn is_read_by(self, part: &Part) -> bool {
        match self {
            Self::Event(event) => part.consumes().contains(&event),
            Self::Telemetry(name) => part.readers.iter().any(|one| one.reads.name() == name),
        }
    }
}

pub(crate) fn problems(system: &System, contracts: &[ServiceContract]) -> Vec<Problem> {
    let all: Vec<(&Part, Vec<(BodyType<'static>, Value)>)> =
        system.parts.iter().zip(contracts.iter().map(schemas)).collect();
    let mut problems = Vec::new();
    for (publisher, written) in &all {
        for (what, writes) in written.iter().filter(|(what, _)| what.is_written_by(publisher)) {
            for (consumer, read) in &all {
                if consumer.service == publisher.service || !what.is_read_by(consumer) {
                    continue;
                }
                let Some(reads) = schema_of(read, *what) else { continue };
                let missing = mismatches(reads, writes, Doubt::InFavour);
                let (reader, writer) = (consumer.service, publisher.service);
                problems
                    .extend(missing.iter().map(|one| problem(reader, what.name(), one, writer)));
            }
        }
    }
    problems
}

fn problem(reader: &str, what: &str, missing: &Mismatch, writer: &str) -> Problem {
    let advice = match missing.kind {
        MismatchKind::FieldMissing | MismatchKind::FieldOptional => {
            format!("make it optional in {reader}, or let {writer} write it")
        }
        MismatchKind::FieldUnknown
        | MismatchKind::Type
        | MismatchKind::Value
        | MismatchKind::Range
        | MismatchKind::Format
        | MismatchKind::Unclear => {
            format!("let {reader} take it, or {writer} declare that it writes less")
        }
    };
    Problem {
        rule: "a consumer reads what the publisher writes",
        detail: format!(
            "{reader} reads {what}, and {missing} in the contract of {writer}: {advice}"
        ),
    }
}

/// The contract has been checked before.
pub(crate) fn schemas(contract: &ServiceContract) -> Vec<(BodyType<'static>, Value)> {
    let events = contract.schemas().unwrap_or_default().into_iter();
    let events = events.map(|(event, schema)| (BodyType::Event(event), schema.to_value()));
    let telemetry = telemetry(contract)
        .map(|(one, schema)| (BodyType::Telemetry(one.name()), schema.to_value()));
    events.chain(telemetry).collect()
}

pub(crate) fn telemetry(
    contract: &ServiceContract,
) -> impl Iterator<Item = (TelemetryType, Schema)> {
    contract.telemetry_schemas().unwrap_or_default().into_iter()
}

pub(crate) fn schema_of<'a>(
    schemas: &'a [(BodyType<'static>, Value)],
    what: BodyType<'_>,
) -> Option<&'a Value> {
    schemas.iter().find(|(known, _)| *known == what).map(|(_, schema)| schema)
}
