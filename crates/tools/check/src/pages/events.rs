//! The pages of a system's events, for publishers and readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use ballet_core::topology::TELEMETRY;
use ballet_core::{EventType, Graph, Key, Role, TelemetryType};
use schemars::Schema;
use serde_json::Value;

use crate::contracts::Contracts;
use crate::contracts::roles::{EventConsumer, consumers, publishers};
use crate::contracts::schema::{SchemaField, SchemaShape};
use crate::markdown::{anchor, code, codes};

/// Returns links to the events of each service, which is the first word of their names.
fn contents(events: &[EventType]) -> String {
    let mut text = String::new();
    let owner = |event: &EventType| event.name().split_once('.').map_or("", |(owner, _)| owner);
    for of_one in events.chunk_by(|one, next| owner(one) == owner(next)) {
        let links: Vec<_> = of_one
            .iter()
            .map(|event| format!("[{}](#{})", code(event), anchor(event.name())))
            .collect();
        // Writing to a string cannot fail.
        writeln!(text, "- {}", links.join(", ")).ok();
    }
    text
}

/// Returns the page with everything about each event.
#[must_use]
pub fn page(contracts: &Contracts) -> String {
    let graph = Graph::new(contracts.system().clone());
    let (events, of_telemetry) = (contracts.schemas(), contracts.telemetry_schemas());
    let all = events.iter().map(|(_, schema)| schema);
    let all = all.chain(of_telemetry.iter().map(|(_, schema)| schema));
    let of_schema = |schema: &'_ Schema| schema.as_value()["$defs"].as_object().cloned();
    let definitions: BTreeMap<String, Value> = all.filter_map(of_schema).flatten().collect();
    let shape_of = |schema: &Value| SchemaShape::read(schema, &definitions);
    let keys = contracts.keys();
    let system = graph.system().name;
    let mut page = format!(
        "# Events of the {system}\n\n\
         An event is a JSON message on the exchange `events` in the virtual host `{system}`. Its \
         name is the routing key and the AMQP property `type`; the first word is the service that \
         publishes it. Unless it says otherwise, an event is of a running saga, whose id is its \
         `correlation_id`. Unknown fields are ignored, and an optional one may be missing or \
         `null`. A key is what [people ask for](../contracts.md#business-keys). The journal keeps \
         all events, also those that no service consumes; [choreography.md](choreography.md) draws \
         who reacts to which.\n\n"
    );
    let types: Vec<EventType> = events.iter().map(|(event, _)| *event).collect();
    page += &contents(&types);
    let mut shown = PrintedLists::default();
    for (event, schema) in &events {
        let shape = shape_of(schema.as_value());
        let of_event = keys.iter().filter(|(of, _)| of == event).map(|(_, key)| key);
        section(&mut page, &graph, *event, of_event, &shape.meaning);
        page += &shown.content(event.name(), &shape);
    }
    let of_telemetry = of_telemetry.iter().map(|(one, schema)| (*one, shape_of(schema.as_value())));
    telemetry(&mut page, &graph, &of_telemetry.collect::<Vec<_>>(), &mut shown);
    let values = definitions.iter().map(|(name, schema)| (name, shape_of(schema)));
    let values: Vec<_> = values.filter(|(_, shape)| !shape.is_scalar()).collect();
    if !values.is_empty() {
        page += "\n## Values\n\nThe types of the fields above.\n";
    }
    for (name, shape) in &values {
        // Writing to a string cannot fail.
        write!(page, "\n### {name}\n\n{}\n", paragraph(&shape.meaning)).ok();
        page += &shown.content(name, shape);
    }
    page
}

fn section<'a>(
    page: &mut String,
    graph: &Graph,
    event: EventType,
    keys: impl Iterator<Item = &'a Key>,
    meaning: &str,
) {
    let mut said: Vec<String> = published_by(graph, event).into_iter().collect();
    said.push(consumed_by(&consumers(graph, event)));
    said.extend(role(event).map(str::to_owned));
    let keys: Vec<String> = keys.map(key).collect();
    if !keys.is_empty() {
        said.push(format!("Keys: {}.", keys.join(", ")));
    }
    // Writing to a string cannot fail.
    write!(page, "\n## {event}\n\n{}\n\n{}\n", paragraph(meaning), said.join(" ")).ok();
}

fn telemetry(
    page: &mut String,
    graph: &Graph,
    all: &[(TelemetryType, SchemaShape)],
    shown: &mut PrintedLists,
) {
    if all.is_empty() {
        return;
    }
    page.push_str(
        "\n## Telemetry\n\nMeasurements that come often and matter in sum ([telemetry](../telemetry.md)). They belong to no \
         saga, and the journal does not have them. The name of the type and the number of its stream are the routing \
         key on the exchange `telemetry`.\n",
    );
    for (telemetry, shape) in all {
        let (name, parts) = (telemetry.name(), &graph.system().parts);
        let publishes =
            parts.iter().filter(|part| part.telemetry.iter().any(|one| one.name() == name));
        let publishers: Vec<_> = publishes.map(|part| part.service).collect();
        // Writing to a string cannot fail.
        write!(page, "\n### {name}\n\n{}\n\n", paragraph(&shape.meaning)).ok();
        writeln!(page, "- Published by {}.", codes(publishers)).ok();
        for part in parts {
            for reader in part.readers.iter().filter(|one| one.reads.name() == name) {
                let (service, name) = (part.service, reader.name);
                let line = if reader.in_memory {
                    format!("- Followed by each process of `{service}`, as `{name}`.")
                } else {
                    format!("- Read by `{service}`, its reader `{name}`.")
                };
                writeln!(page, "{line}").ok();
            }
        }
        let (first, last) =
            (telemetry.routing_key(0), telemetry.routing_key(telemetry.partition_count() - 1));
        let streams = match telemetry.partition_count() {
            1 => format!("One stream, `{TELEMETRY}.{first}`"),
            many => format!("{many} streams, `{TELEMETRY}.{first}` to `{TELEMETRY}.{last}`"),
        };
        let days = match telemetry.days() {
            1 => "a day".to_owned(),
            days => format!("{days} days"),
        };
        let megabytes = telemetry.bytes() / 1_000_000;
        writeln!(page, "- {streams}. Each keeps {days}, or {megabytes} MB if that is less.").ok();
        page.push_str(&shown.content(name, shape));
    }
}

/// `None` if the only publisher is the service that it is named after.
fn published_by(graph: &Graph, event: EventType) -> Option<String> {
    let foreign = event.foreign_producers();
    let services = publishers(graph.system(), event);
    if services.is_empty() {
        return Some("No service publishes it yet.".to_owned());
    }
    let also = if services.len() > foreign.len() { "also " } else { "" };
    let producers = "published by the foreign producer";
    (!foreign.is_empty()).then(|| format!("It is {also}{producers} {}.", codes(foreign)))
}

/// Those with the same purpose are named together.
fn consumed_by(consumers: &[EventConsumer]) -> String {
    let mut purposes: Vec<(String, Vec<&str>)> = Vec::new();
    for EventConsumer { service, purpose } in consumers {
        let what = purpose.words();
        match purposes.iter_mut().find(|(other, _)| *other == what) {
            Some((_, services)) => services.push(service),
            None => purposes.push((what, vec![service])),
        }
    }
    let each: Vec<_> = purposes
        .into_iter()
        .map(|(what, services)| format!("by {} {what}", codes(services)))
        .collect();
    if each.is_empty() {
        return "No service consumes it.".to_owned();
    }
    format!("Consumed {}.", each.join("; "))
}

const fn role(event: EventType) -> Option<&'static str> {
    match event.role() {
        Role::Plain => Some("It belongs to no saga."),
        Role::StartsSaga => Some(
            "It may start a saga, whose id is its `correlation_id`, or without one the message's own \
             id.",
        ),
        Role::InSaga => None,
    }
}

fn key(key: &Key) -> String {
    let made = if key.is_made_here() { ", made here" } else { "" };
    format!("{} (`{}`{made})", code(key.name()), key.field())
}

#[derive(Default)]
struct PrintedLists(Vec<(String, String)>);

impl PrintedLists {
    /// A long list of fields is on the page only once.
    fn content(&mut self, heading: &str, shape: &SchemaShape) -> String {
        let item = |field: &SchemaField| {
            let optional = if field.required { "" } else { ", optional" };
            let what = paragraph(&field.meaning);
            format!("- {} ({}{optional}): {what}\n", code(&field.name), field.kind)
        };
        let fields: String = shape.fields.iter().map(item).collect();
        let value = |(value, meaning): &(String, String)| match paragraph(meaning) {
            meaning if meaning.is_empty() => format!("- {}\n", code(value)),
            meaning => format!("- {}: {meaning}\n", code(value)),
        };
        let mut text: String = shape.values.iter().map(value).collect();
        if shape.fields.len() > 3
            && let Some((_, other)) = self.0.iter().find(|(shown, _)| *shown == fields)
        {
            text += &format!("It has the fields of [{}](#{}).\n", code(other), anchor(other));
        } else {
            text = fields.clone() + &text;
            self.0.push((fields, heading.to_owned()));
        }
        if text.is_empty() { text } else { format!("\n{text}") }
    }
}

fn paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
