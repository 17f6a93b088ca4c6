//! A form that publishes a valid event, and the same as code for a producer: with pika, and with curl.

use ballet_check::listing::ListedEvent;
use ballet_core::topology::EVENTS;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::pages::forms::{token, why};
use crate::pages::layout::Person;
use crate::pages::words::event;

/// The nesting limit of examples: schemas may contain themselves.
const DEEPEST: usize = 8;
/// An id for examples that nobody has.
const SOME_ID: &str = "0193f7a0-0001-7000-8000-000000000001";

/// The typed fields of the form.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(crate) struct TypedEvent {
    #[serde(default)]
    pub(crate) act: String,
    #[serde(default)]
    pub(crate) app_id: String,
    #[serde(default)]
    pub(crate) saga: String,
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) why: String,
}

/// A message that the contracts accept, in the form that a producer sends.
#[derive(Debug)]
pub(crate) struct AcceptedMessage {
    pub(crate) message_id: String,
    pub(crate) saga: Option<String>,
}

/// Shows the form. `judged` is the contracts' verdict on the typed fields.
pub(crate) fn publish(
    system: &str,
    listed: &ListedEvent,
    typed: &TypedEvent,
    judged: Option<&Result<AcceptedMessage, Vec<String>>>,
    person: &Person,
) -> Markup {
    let name = listed.event.name();
    html! {
        p.crumb { a href="/events" { "Events" } " / " a href={ "/events/" (name) } { (name) } }
        h1 { "Publish " (event(name)) }
        @match judged {
            Some(Err(faults)) => {
                div.outcome.failed role="alert" {
                    p { strong { "No service would take it. Nothing was published." } }
                    ul { @for fault in faults { li dir="auto" { (fault) } } }
                }
            }
            Some(Ok(accepted)) => { (accepted_form(name, typed, accepted, person)) (others(system, name, typed, accepted)) }
            None => {}
        }
        form.act method="post" action={ "/events/" (name) "/publish" } {
            (token(person))
            label { "Who publishes it" select name="app_id" {
                @for publisher in &listed.publishers { option value=(publisher) selected[*publisher == typed.app_id] { (publisher) } }
            } }
            label { "The saga's id; an event that begins a saga needs none" input name="saga" value=(typed.saga) autocomplete="off" dir="auto"; }
            label { "The body" textarea name="body" rows="16" spellcheck="false" dir="auto" required { (typed.body) } }
            button type="submit" name="act" value="check" { "Check it" }
        }
    }
}

fn accepted_form(
    name: &str,
    typed: &TypedEvent,
    accepted: &AcceptedMessage,
    person: &Person,
) -> Markup {
    html! {
        div.outcome.running role="status" {
            p { "The contracts accept it. It would have the id " code { (accepted.message_id) }
                @if let Some(saga) = &accepted.saga { " in saga " code dir="auto" { (saga) } } "." }
            form.act method="post" action={ "/events/" (name) "/publish" } {
                (token(person))
                input type="hidden" name="app_id" value=(typed.app_id);
                input type="hidden" name="saga" value=(typed.saga);
                textarea name="body" hidden readonly { (typed.body) }
                (why("Why is it published?"))
                button type="submit" name="act" value="publish" { "Publish it" }
            }
        }
    }
}

fn others(system: &str, name: &str, typed: &TypedEvent, accepted: &AcceptedMessage) -> Markup {
    html! {
        details { summary { "The same with pika" } pre.body tabindex="0" { (pika(system, name, typed, accepted)) } }
        details { summary { "The same with curl" } pre.body tabindex="0" { (curl(system, name, typed, accepted)) } }
    }
}

fn properties(name: &str, typed: &TypedEvent, accepted: &AcceptedMessage) -> Map<String, Value> {
    let all = json!({
        "type": name, "message_id": accepted.message_id, "app_id": typed.app_id,
        "correlation_id": accepted.saga, "content_type": "application/json", "delivery_mode": 2,
    });
    let all = all.as_object().cloned().unwrap_or_default();
    all.into_iter().filter(|(_, value)| !value.is_null() && *value != "").collect()
}

fn pika(system: &str, name: &str, typed: &TypedEvent, accepted: &AcceptedMessage) -> String {
    let properties = properties(name, typed, accepted).into_iter();
    let properties: Vec<String> =
        properties.map(|(name, value)| format!("        {name}={value},")).collect();
    // JSON text is also valid in Python.
    let body = Value::from(typed.body.replace("\r\n", "\n"));
    format!(
        "import pika\n\n\
         connection = pika.BlockingConnection(pika.URLParameters(\"amqp://USER:PASSWORD@HOST/{system}\"))\n\
         channel = connection.channel()\nchannel.confirm_delivery()\nchannel.basic_publish(\n    \
         \"{EVENTS}\",\n    \"{name}\",\n    {body}.encode(),\n    pika.BasicProperties(\n{}\n    ),\n    \
         mandatory=True,\n)\n",
        properties.join("\n")
    )
}

fn curl(system: &str, name: &str, typed: &TypedEvent, accepted: &AcceptedMessage) -> String {
    let message = json!({
        "properties": properties(name, typed, accepted), "routing_key": name,
        "payload": typed.body.replace("\r\n", "\n"), "payload_encoding": "string",
    });
    format!(
        "curl -u USER:PASSWORD -H 'content-type: application/json' \\\n  \
         http://HOST:15672/api/exchanges/{system}/{EVENTS}/publish -d @- <<'END'\n{message}\nEND\n"
    )
}

/// Returns an example body for a schema.
pub(crate) fn example(schema: &Value) -> String {
    let made = made(schema, &schema["$defs"], 0);
    serde_json::to_string_pretty(&made).unwrap_or_default()
}

fn made(schema: &Value, definitions: &Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    let first = |key: &str| schema[key].as_array().and_then(|all| all.first());
    if let Some(given) = first("examples").or(schema.get("const")).or(first("enum")) {
        return given.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return made(&definitions[name], definitions, depth + 1);
    }
    if let Some(choice) = first("oneOf").or(first("anyOf")).or(first("allOf")) {
        return made(choice, definitions, depth + 1);
    }
    let kind = schema["type"].as_str().or(first("type").and_then(Value::as_str));
    match kind {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.filter_map(Value::as_str).map(|name| {
                (name.to_owned(), made(&schema["properties"][name], definitions, depth + 1))
            });
            Value::Object(fields.collect())
        }
        Some("array") => Value::Array(vec![made(&schema["items"], definitions, depth + 1)]),
        Some("string") => match schema["format"].as_str() {
            Some("uuid") => json!(SOME_ID),
            Some("date-time") => json!("2030-01-01T12:00:00Z"),
            _ if schema["pattern"] == "^[A-Z]{2}$" => json!("NL"),
            _ if schema["pattern"] == "^[A-Z]{3}$" => json!("EUR"),
            _ => json!("text"),
        },
        Some("integer" | "number") => {
            schema.get("minimum").filter(|least| **least != 0).cloned().unwrap_or_else(|| json!(1))
        }
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_what_is_required_and_the_texts_can_be_run() {
        let schema = json!({
            "type": "object", "required": ["id", "lines"],
            "properties": {
                "id": { "$ref": "#/$defs/Id" }, "note": { "type": "string" },
                "lines": { "type": "array", "items": { "type": "object", "required": ["sku"],
                    "properties": { "sku": { "type": "string", "examples": ["mug"] } } } },
            },
            "$defs": { "Id": { "type": "string", "format": "uuid" } },
        });
        let body: Value = serde_json::from_str(&example(&schema)).expect("JSON");
        assert_eq!(body, json!({ "id": SOME_ID, "lines": [{ "sku": "mug" }] }));
        let typed = TypedEvent {
            app_id: "cart".to_owned(),
            body: "{\"a\":\r\n1}".to_owned(),
            ..TypedEvent::default()
        };
        let accepted = AcceptedMessage { message_id: SOME_ID.to_owned(), saga: None };
        let pika = pika("shop", "cart.checked_out.v1", &typed, &accepted);
        assert!(
            pika.contains("    \"{\\\"a\\\":\\n1}\".encode(),")
                && pika.contains("        app_id=\"cart\","),
            "{pika}"
        );
        let curl = curl("shop", "cart.checked_out.v1", &typed, &accepted);
        assert!(
            curl.contains("/api/exchanges/shop/events/publish") && !curl.contains("correlation_id"),
            "{curl}"
        );
    }
}
