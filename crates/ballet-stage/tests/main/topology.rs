//! A small shop as its definitions document.

use serde_json::{Value, json};

pub(crate) const SERVICES: &[&str] = &["orders", "inventory"];

pub(crate) fn shop() -> Value {
    let exchange = |name: &str, kind: &str, arguments: Value| {
        json!({"name": name, "vhost": "shop", "type": kind, "durable": true, "auto_delete": false,
               "internal": false, "arguments": arguments})
    };
    let queue = |name: &str, arguments: Value| {
        json!({"name": name, "vhost": "shop", "durable": true, "auto_delete": false,
               "arguments": arguments})
    };
    let bind = |source: &str, destination: &str, kind: &str, key: &str| {
        json!({"source": source, "vhost": "shop", "destination": destination,
               "destination_type": kind, "routing_key": key, "arguments": {}})
    };
    let permission = |user: &str| {
        json!({"user": user, "vhost": "shop", "configure": "^$", "write": "^events$",
               "read": format!("^{user}$")})
    };
    let topic = |user: &str| {
        json!({"user": user, "vhost": "shop", "exchange": "events",
               "write": format!("^{user}\\."), "read": ".*"})
    };
    let quorum = || json!({"x-queue-type": "quorum", "x-delivery-limit": 20});
    json!({
        "users": [
            {"name": "ops", "password_hash": "", "tags": "administrator"},
            {"name": "orders", "password_hash": "", "tags": ""},
            {"name": "inventory", "password_hash": "", "tags": ""},
        ],
        "vhosts": [{"name": "shop"}],
        "permissions": [
            {"user": "ops", "vhost": "shop", "configure": ".*", "write": ".*", "read": ".*"},
            permission("orders"),
            permission("inventory"),
        ],
        "topic_permissions": [topic("orders"), topic("inventory")],
        "exchanges": [
            exchange("events", "topic", json!({})),
            exchange("route", "direct", json!({"alternate-exchange": "unrouted"})),
            exchange("unrouted", "fanout", json!({})),
        ],
        "queues": [
            queue("orders", quorum()),
            queue("inventory", quorum()),
            queue("unrouted", json!({"x-queue-type": "quorum", "x-max-length": 100})),
            queue("journal", json!({"x-queue-type": "stream"})),
        ],
        "bindings": [
            bind("events", "journal", "queue", "#"),
            bind("events", "route", "exchange", "#"),
            bind("route", "inventory", "queue", "orders.order_placed.v1"),
            bind("unrouted", "unrouted", "queue", ""),
        ],
    })
}
