//! Flaws of events, copies and telemetry.

use serde_json::{Map, Value, json};

use crate::flaws::contracts::{Edit, items, texts};
use crate::flaws::declarations::found::{FoundFlaws, remove, rename, set, text};

pub(super) fn find(found: &mut FoundFlaws<'_>) {
    let contracts = found.contracts;
    for (service, event, pointer, lines) in contracts.events() {
        let is_own = event.split('.').next() == Some(service);
        if is_own {
            published(found, service, event, &pointer, lines);
        } else {
            read(found, service, event, &pointer, lines);
        }
    }
    for (service, contract) in &contracts.services {
        let place = |what: &str| format!("{what} in {service}");
        for (at, heard) in items(&contract["subscriptions"]).enumerate() {
            let (name, event) = (text(&heard["name"]), text(&heard["on"]));
            let edits = [remove(service, &format!("/subscriptions/{at}"))];
            found.add("projection left out", place(name), &[name, event], edits);
        }
        for (at, copy) in items(&contract["copies"]).enumerate() {
            for (fed, event) in texts(&copy["fed_by"]).enumerate() {
                let edits = [remove(service, &format!("/copies/{at}/fed_by/{fed}"))];
                found.add("copy not fed by an event", place(event), &[event], edits);
            }
        }
        for (at, share) in items(&contract["shares"]).enumerate() {
            let entity = text(&share["entity"]);
            let edits = [remove(service, &format!("/shares/{at}"))];
            found.add("copied and not shared", place(entity), &[entity], edits);
            for (asks, request) in texts(&share["requests"]).enumerate() {
                let edits = [remove(service, &format!("/shares/{at}/requests/{asks}"))];
                found.add("request of a copy not heard", place(request), &[request, entity], edits);
            }
        }
        for (at, stream) in items(&contract["telemetry"]).enumerate() {
            let name = text(&stream["name"]);
            let edits = [set(service, &format!("/telemetry/{at}/partitions"), 7)];
            found.add("other streams of telemetry", place(name), &[name], edits);
        }
        for (at, name) in texts(&contract["publishes_telemetry"]).enumerate() {
            let edits = [remove(service, &format!("/publishes_telemetry/{at}"))];
            found.add("telemetry not published", place(name), &[name], edits);
        }
    }
}

fn published(found: &mut FoundFlaws<'_>, service: &str, event: &str, pointer: &str, lines: &Value) {
    let contracts = found.contracts;
    let readers: Vec<(&str, String, &Value)> = contracts
        .events()
        .filter(|(of, name, ..)| *name == event && *of != service)
        .map(|(of, _, pointer, lines)| (of, pointer, lines))
        .collect();
    let schema = format!("{pointer}/schema");
    let everywhere = |edit: &dyn Fn(&str, &str) -> Edit| {
        let all = readers.iter().map(|(of, pointer, _)| edit(of, pointer));
        all.chain([edit(service, pointer)]).collect::<Vec<_>>()
    };
    if lines["role"] == "in_saga" {
        let edits = everywhere(&|of, pointer| set(of, &format!("{pointer}/role"), "plain"));
        found.add("event without in_saga", event, &[event], edits);
    }
    for (other, ..) in &readers {
        let edits = [set(other, "/publishes/-", event)];
        found.add("two publishers of an event", format!("{event}, {other}"), &[event], edits);
    }
    if !readers.is_empty() {
        let next = event.replace(".v1", ".v2");
        found.add("major version nobody reads", event, &[event], [rename(service, event, &next)]);
    }
    for (name, definition) in lines["schema"]["$defs"].as_object().into_iter().flatten() {
        let at = format!("{schema}/$defs/{name}");
        found.add(
            "schema without a part",
            format!("{name} of {event}"),
            &[event],
            [remove(service, &at)],
        );
        if definition["properties"]["amount_minor"].is_object() {
            let edits = everywhere(&|of, pointer| {
                let money = json!({ "type": "number", "description": "The amount." });
                set(of, &format!("{pointer}/schema/$defs/{name}/properties/amount_minor"), money)
            });
            found.add("money as a fraction", format!("{name} of {event}"), &[event], edits);
        }
        if definition["x-personal-reason"].is_string() {
            let edits = [remove(service, &format!("{at}/x-personal-reason"))];
            found.add("person in an event", format!("{name} of {event}"), &[event], edits);
        }
    }
    if items(&lines["keys"]).next().is_some() {
        let edits = [set(service, &format!("{pointer}/keys/0/field"), "nothing")];
        found.add("key that is no field", event, &[event], edits);
    }
    let required: Vec<&str> = texts(&lines["schema"]["required"]).collect();
    let needed = |field: &&&str| {
        readers.iter().any(|(_, _, of)| texts(&of["schema"]["required"]).any(|it| it == **field))
    };
    for field in required.iter().filter(needed) {
        let place = format!("{field} of {event}");
        let property = &lines["schema"]["properties"][*field];
        let others: Vec<&&str> = required.iter().filter(|other| other != &field).collect();
        let optional = set(service, &format!("{schema}/required"), json!(others));
        found.add("field no longer always written", &place, &[event], [optional.clone()]);
        let mut fields = lines["schema"]["properties"].as_object().cloned().unwrap_or_default();
        fields.remove(*field);
        fields.insert(format!("{field}_new"), property.clone());
        let edits =
            [optional, set(service, &format!("{schema}/properties"), Value::Object(fields))];
        found.add("field renamed by its publisher", &place, &[event], edits);
        let at = format!("{schema}/properties/{field}");
        let list = json!({ "type": "array", "items": property });
        found.add("type changed by its publisher", &place, &[event], [set(service, &at, list)]);
    }
}

fn read(found: &mut FoundFlaws<'_>, service: &str, event: &str, pointer: &str, lines: &Value) {
    let place = format!("{event} in {service}");
    let role = if lines["role"] == "plain" { "in_saga" } else { "plain" };
    let edits = [set(service, &format!("{pointer}/role"), role)];
    found.add("role differs in a reader", &place, &[event], edits);
    let none = Map::new();
    let fields = lines["schema"]["properties"].as_object().unwrap_or(&none);
    let required: Vec<&str> = texts(&lines["schema"]["required"]).collect();
    for (field, property) in fields {
        let place = format!("{field} of {place}");
        let at = format!("{pointer}/schema/properties");
        if !required.contains(&field.as_str()) {
            let mut fields = fields.clone();
            fields.remove(field);
            fields.insert(format!("{field}_old"), property.clone());
            let edits = [set(service, &at, Value::Object(fields))];
            found.add("field misspelt by a reader", place, &[event], edits);
        } else if property["type"] == "string" && property["format"].is_null() {
            let edits = [set(service, &format!("{at}/{field}/maxLength"), 3)];
            found.add("reader narrower than its publisher", place, &[event], edits);
        }
    }
}
