//! Compares the bodies that consumers read and publishers write, by their contracts. A consumer's schema needs only the
//! fields that it reads.

use ballet_core::rules::catalogue;
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
    let mut problems = Vec::new();
    for_each_pair(system, contracts, |(reader, reads), (writer, writes), what| {
        let missing = mismatches(reads, writes, Doubt::InFavour);
        problems.extend(missing.iter().map(|one| problem(reader, what.name(), one, writer)));
    });
    problems
}

/// Returns a note for each optional field of a reader that no schema of a publisher has.
pub(crate) fn notes(system: &System, contracts: &[ServiceContract]) -> Vec<Problem> {
    let mut notes = Vec::new();
    for_each_pair(system, contracts, |(reader, reads), (writer, writes), what| {
        // A producer outside may write more than the contract of a service says.
        if matches!(what, BodyType::Event(event) if !event.foreign_producers().is_empty()) {
            return;
        }
        let what = what.name();
        notes.extend(unwritten(reads, writes).map(|field| Problem {
            rule: &catalogue::FIELD_KNOWN,
            service: reader.to_owned(),
            of: format!("{what}/{field}"),
            detail: format!(
                "{reader} reads `{field}` of {what}, which {writer} does not write: correct the name, or remove it"
            ),
        }));
    });
    notes
}

/// The optional fields that a reader knows, and a writer with named fields does not.
fn unwritten<'a>(reads: &'a Value, writes: &'a Value) -> impl Iterator<Item = &'a str> {
    let (reads, writes) = (referred(reads), referred(writes));
    let is_open = ["additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "$ref"]
        .iter()
        .any(|keyword| writes.get(keyword).is_some_and(|value| *value != Value::Bool(false)));
    let written = writes["properties"].as_object().filter(|_| !is_open);
    let read = reads["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let required = reads["required"].as_array().into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    read.filter(move |name| {
        written.is_some_and(|written| !written.contains_key(*name)) && !required.contains(name)
    })
}

/// The schema that a schema of one reference, without fields of its own, stands for.
fn referred(schema: &Value) -> &Value {
    let reference = schema["$ref"].as_str().filter(|_| schema.get("properties").is_none());
    let reference = reference.and_then(|path| path.strip_prefix('#'));
    reference.and_then(|path| schema.pointer(path)).unwrap_or(schema)
}

/// Calls `each` with every reader and its schema, a publisher and its schema, and what they share.
fn for_each_pair(
    system: &System,
    contracts: &[ServiceContract],
    mut each: impl FnMut((&str, &Value), (&str, &Value), BodyType<'static>),
) {
    let all: Vec<(&Part, Vec<(BodyType<'static>, Value)>)> =
        system.parts.iter().zip(contracts.iter().map(schemas)).collect();
    for (publisher, written) in &all {
        for (what, writes) in written.iter().filter(|(what, _)| what.is_written_by(publisher)) {
            for (consumer, read) in &all {
                if consumer.service == publisher.service || !what.is_read_by(consumer) {
                    continue;
                }
                if let Some(reads) = schema_of(read, *what) {
                    each((consumer.service, reads), (publisher.service, writes), *what);
                }
            }
        }
    }
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
        rule: &catalogue::BODY_FITS,
        service: reader.to_owned(),
        of: if missing.path.is_empty() {
            what.to_owned()
        } else {
            format!("{what}/{}", missing.path)
        },
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::contracts::of_services;

    const PLACED: &str = "orders.order_placed.v1";

    fn orders(schema: &serde_json::Value) -> serde_json::Value {
        json!({ "contract": 1, "service": "orders", "publishes": [PLACED],
            "events": [{ "name": PLACED, "role": "plain", "schema": schema }] })
    }

    fn points(exceptions: &serde_json::Value) -> serde_json::Value {
        let reads = json!({ "type": "object", "required": ["total"],
            "properties": { "total": { "type": "integer" }, "coupon": { "type": "string" } } });
        json!({ "contract": 1, "service": "points", "exceptions": exceptions,
            "subscriptions": [{ "name": "count", "on": PLACED }],
            "events": [{ "name": PLACED, "role": "plain", "schema": reads }] })
    }

    #[test]
    fn an_optional_field_that_no_publisher_writes_is_noted() {
        let noted = |writes, exceptions| {
            let contracts = of_services(&[orders(&writes), points(&exceptions)]);
            assert_eq!(contracts.problems(), []);
            contracts.notes().into_iter().map(|note| note.rule.id).collect::<Vec<_>>()
        };
        let total = || json!({ "type": "integer", "format": "int32" });
        let named = |more: &str| {
            json!({ "type": "object", "required": ["total"],
            "properties": { "total": total(), more: { "type": "string" } } })
        };
        assert_eq!(noted(named("voucher"), json!([])), ["B069"]);
        assert_eq!(noted(named("coupon"), json!([])), [""; 0]);
        let mut open = named("voucher");
        open["additionalProperties"] = json!({ "type": "string" });
        assert_eq!(noted(open, json!([])), [""; 0]);
        // With a reason; and when the reason is gone.
        let exceptions = json!([{ "rule": "B069", "of": PLACED, "reason": "it comes next week" }]);
        assert_eq!(noted(named("voucher"), exceptions.clone()), [""; 0]);
        assert_eq!(noted(named("coupon"), exceptions), ["B071"]);
    }
}
