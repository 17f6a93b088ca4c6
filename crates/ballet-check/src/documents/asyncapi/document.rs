//! The document: server, channels, operations and components.

use std::collections::BTreeMap;

use ballet_core::topology::EVENTS;
use ballet_core::{EventType, Key, Part, ServiceContract};
use serde_json::{Map, Value, json};

use crate::documents::asyncapi::facts::{of_received, of_sent};
use crate::documents::asyncapi::messages::message;
use crate::documents::asyncapi::schemas::ComponentSchemas;

/// The version of the AMQP bindings.
const BINDING: &str = "0.3.0";

pub(super) struct AsyncApiDocument {
    vhost: &'static str,
    title: String,
    about: String,
    services: BTreeMap<&'static str, Value>,
    channels: BTreeMap<String, Value>,
    operations: BTreeMap<String, Value>,
    messages: BTreeMap<&'static str, Value>,
    schemas: ComponentSchemas,
}

impl AsyncApiDocument {
    /// Creates a document without operations, but with all events of the contracts.
    pub(super) fn new<'a>(
        system: &'static str,
        service: Option<&str>,
        contracts: impl IntoIterator<Item = &'a ServiceContract>,
    ) -> Self {
        let (title, about) = match service {
            Some(service) => (
                format!("{service} of {system}"),
                format!(
                    "What the service `{service}` sends and receives in the system `{system}`."
                ),
            ),
            None => (
                system.to_owned(),
                format!("What the services of the system `{system}` send and receive."),
            ),
        };
        let mut document = Self {
            vhost: system,
            title,
            about,
            services: BTreeMap::new(),
            channels: BTreeMap::new(),
            operations: BTreeMap::new(),
            messages: BTreeMap::new(),
            schemas: ComponentSchemas::default(),
        };
        let mut events: Vec<(bool, String, EventType, Value)> = Vec::new();
        let mut keys: Vec<(EventType, Key)> = Vec::new();
        for contract in contracts {
            keys.extend(contract.keys().unwrap_or_default());
            let schemas = contract.schemas().unwrap_or_default();
            events.extend(schemas.into_iter().map(|(event, schema)| {
                let is_others = event.service() != contract.service();
                (is_others, contract.service().to_owned(), event, schema.to_value())
            }));
        }
        // The declaration of the service that an event is named after comes first.
        events.sort_by(|one, other| (one.0, &one.1, one.2).cmp(&(other.0, &other.1, other.2)));
        for (_, _, event, schema) in events {
            if !document.schemas.has(event) {
                document.schemas.add(event, &schema);
                let keys = keys.iter().filter(|(of, _)| *of == event).map(|(_, key)| *key);
                let keys: Vec<Key> = keys.collect();
                document.messages.insert(event.name(), message(event, &schema, &keys));
            }
        }
        document
    }

    /// Adds a service.
    pub(super) fn service(&mut self, part: &Part, contract: &ServiceContract) {
        let service = part.service;
        for event in part.emits() {
            let channel = self.routing_key(event);
            self.send(service, event, &channel, &of_sent(part, event));
        }
        let consumed = part.consumes();
        if !consumed.is_empty() {
            self.queue(service, &consumed);
        }
        for event in consumed {
            let operation = json!({
                "action": "receive",
                "title": format!("{service} consumes {}", event.event()),
                "channel": reference("channels", service),
                "messages": [reference(&format!("channels/{service}/messages"), event.name())],
                "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING } },
                "x-ballet-service": service,
                "x-ballet": of_received(part, event),
            });
            self.operations.insert(format!("{service}.receive.{}", event.name()), operation);
        }
        // A contract consists of structs, lists, and maps with text as keys, so it can always be written.
        let whole = serde_json::to_value(contract).unwrap_or_default();
        let keys = ["service", "sagas", "subscriptions", "shares", "copies"];
        let entries =
            keys.into_iter().filter_map(|key| Some((key.to_owned(), whole.get(key)?.clone())));
        self.services.insert(service, Value::Object(entries.collect::<Map<_, _>>()));
    }

    /// Adds a producer outside of the system.
    pub(super) fn producer(&mut self, producer: &str, events: &[EventType]) {
        for event in events {
            let channel = self.routing_key(*event);
            self.send(producer, *event, &channel, &[json!({ "foreign_producer": producer })]);
        }
    }

    fn send(&mut self, publisher: &str, event: EventType, channel: &str, facts: &[Value]) {
        let operation = json!({
            "action": "send",
            "title": format!("{publisher} publishes {}", event.event()),
            "channel": reference("channels", channel),
            "messages": [reference(&format!("channels/{channel}/messages"), event.name())],
            "bindings": { "amqp": { "deliveryMode": 2, "mandatory": true, "timestamp": true,
                "bindingVersion": BINDING } },
            "x-ballet-service": publisher,
            "x-ballet": facts,
        });
        self.operations.insert(format!("{publisher}.send.{}", event.name()), operation);
    }

    /// Returns the channel of an event: the exchange of all events, with the event's name as the routing key.
    fn routing_key(&mut self, event: EventType) -> String {
        let name = event.name();
        let channel = json!({
            "address": name,
            "title": event.event(),
            "messages": { name: reference("components/messages", name) },
            "servers": [reference("servers", "broker")],
            "bindings": { "amqp": {
                "is": "routingKey",
                "exchange": { "name": EVENTS, "type": "topic", "durable": true, "autoDelete": false,
                    "vhost": self.vhost },
                "bindingVersion": BINDING,
            } },
        });
        self.channels.insert(name.to_owned(), channel);
        name.to_owned()
    }

    /// Adds the channel of a service's queue.
    fn queue(&mut self, service: &str, events: &[EventType]) {
        let messages = events
            .iter()
            .map(|event| (event.name().to_owned(), reference("components/messages", event.name())));
        let channel = json!({
            "address": service,
            "title": format!("the queue of {service}"),
            "messages": messages.collect::<Map<_, _>>(),
            "servers": [reference("servers", "broker")],
            "bindings": { "amqp": {
                "is": "queue",
                "queue": { "name": service, "durable": true, "exclusive": false, "autoDelete": false,
                    "vhost": self.vhost },
                "bindingVersion": BINDING,
            } },
        });
        self.channels.insert(service.to_owned(), channel);
    }

    /// Returns the document as JSON for people, the same text in every build.
    pub(super) fn text(self) -> String {
        let mut document = json!({
            "asyncapi": "3.0.0",
            "id": format!("urn:ballet:{}", self.title.replace(" of ", ":")),
            "info": { "title": self.title, "version": "1", "description": self.about },
            "defaultContentType": "application/json",
            "servers": { "broker": {
                "host": "{host}",
                "pathname": format!("/{}", self.vhost),
                "protocol": "amqp",
                "protocolVersion": "0-9-1",
                "description": "RabbitMQ 3.10 or later.",
                "variables": { "host": { "default": "localhost:5672",
                    "description": "The broker's host and port." } },
                "security": [{ "type": "userPassword",
                    "description": "Each service and each producer has a user of its own name." }],
            } },
            "channels": self.channels,
            "operations": self.operations,
            "components": {
                "messages": self.messages,
                "schemas": self.schemas.into_value(),
            },
            "x-ballet-services": self.services.into_values().collect::<Vec<_>>(),
        });
        // The order of a map depends on how serde_json was built.
        document.sort_all_objects();
        format!("{document:#}\n")
    }
}

fn reference(place: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{place}/{name}") })
}
