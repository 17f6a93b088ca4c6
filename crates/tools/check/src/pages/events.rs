//! The page of a system's events, for publishers and readers.

use std::fmt::Write;

use ballet_core::topology::TELEMETRY;
use ballet_core::{Key, Role, TelemetryType};
use serde_json::Value;

use crate::contracts::Contracts;
use crate::contracts::schema::{fields, on_one_line};
use crate::documents::listing::{self, ListedEvent};
use crate::markdown::{anchor, code, codes, table};

/// Returns the page with everything about each event.
#[must_use]
pub fn page(contracts: &Contracts) -> String {
    let (events, system) = (listing::events(contracts), contracts.system().name);
    let mut page = format!(
        "# Events of the {system}\n\n\
         An event is a JSON message on the exchange `events` in the virtual host `{system}`. Its \
         name is the routing key and the AMQP property `type`; the first word is the service that \
         publishes it. Unless it says otherwise, an event is of a running saga, whose id is its \
         `correlation_id`. Unknown fields are ignored, and an optional one may be missing or \
         `null`. A key is what [people ask for](../contracts.md#business-keys). The journal keeps \
         all events, also those that no service consumes; [choreography.md](choreography.md) draws \
         who reacts to which.\n\n{}",
        contents(&events)
    );
    events.iter().for_each(|listed| section(&mut page, listed));
    let telemetry = contracts.telemetry_schemas();
    if !telemetry.is_empty() {
        page.push_str(
            "\n## Telemetry\n\nMeasurements that come often and matter in sum ([telemetry](../telemetry.md)). They belong to no \
             saga, and the journal does not have them. The name of the type and the number of its stream are the routing \
             key on the exchange `telemetry`.\n",
        );
    }
    for (one, schema) in telemetry {
        of_telemetry(&mut page, contracts, one, schema.as_value());
    }
    page
}

/// Returns links to the events of each service, which is the first word of their names.
fn contents(events: &[ListedEvent]) -> String {
    let mut text = String::new();
    for of_one in events.chunk_by(|one, next| one.event.service() == next.event.service()) {
        let links: Vec<_> = of_one
            .iter()
            .map(|listed| format!("[{}](#{})", code(listed.event), anchor(listed.event.name())))
            .collect();
        // Writing to a string cannot fail.
        writeln!(text, "- {}", links.join(", ")).ok();
    }
    text
}

fn section(page: &mut String, listed: &ListedEvent) {
    let ListedEvent { event, meaning, publishers, consumers, keys, schema, .. } = listed;
    // Writing to a string cannot fail.
    write!(page, "\n## {event}\n\n{meaning}\n\n- Published by {}.", codes(publishers)).ok();
    for (service, purpose) in consumers {
        write!(page, "\n- Consumed by {}, {purpose}.", code(service)).ok();
    }
    match event.role() {
        Role::Plain => page.push_str("\n- It belongs to no saga."),
        Role::StartsSaga => page.push_str(
            "\n- It may start a saga, whose id is its `correlation_id`, or without one the message's own id.",
        ),
        Role::InSaga => {}
    }
    if !keys.is_empty() {
        let keys: Vec<String> = keys.iter().map(key).collect();
        write!(page, "\n- Keys: {}.", keys.join(", ")).ok();
    }
    page.push('\n');
    page.push_str(&table_of_fields(schema));
}

fn of_telemetry(page: &mut String, contracts: &Contracts, one: TelemetryType, schema: &Value) {
    let (name, parts) = (one.name(), &contracts.system().parts);
    let meaning = on_one_line(schema["description"].as_str().unwrap_or_default());
    // Writing to a string cannot fail.
    write!(page, "\n### {name}\n\n{meaning}\n\n").ok();
    for part in parts {
        if part.telemetry.iter().any(|one| one.name() == name) {
            writeln!(page, "- Published by {}.", code(part.service)).ok();
        }
        for reader in part.readers.iter().filter(|one| one.reads.name() == name) {
            let reads = if reader.in_memory { "Followed by each process of" } else { "Read by" };
            writeln!(page, "- {reads} {}, as {}.", code(part.service), code(reader.name)).ok();
        }
    }
    let count = one.partition_count();
    writeln!(
        page,
        "- Streams: {count}, from `{TELEMETRY}.{}` on. Each keeps {}, or {} MB if that is less.",
        one.routing_key(0),
        if one.days() == 1 { "a day".to_owned() } else { format!("{} days", one.days()) },
        one.bytes() / 1_000_000
    )
    .ok();
    page.push_str(&table_of_fields(schema));
}

fn key(key: &Key) -> String {
    let made = if key.is_made_here() { ", made here" } else { "" };
    format!("{} (`{}`{made})", code(key.name()), key.field())
}

fn table_of_fields(schema: &Value) -> String {
    let rows: Vec<[String; 4]> = fields(schema)
        .into_iter()
        .map(|field| {
            let required = if field.required { "yes" } else { "no" };
            [code(field.path), field.kind, required.to_owned(), field.meaning]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{}", table(["field", "type", "required", "meaning"], &rows))
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
