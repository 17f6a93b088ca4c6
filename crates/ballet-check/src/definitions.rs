//! The broker's definitions as a file: with passwords for development, one object a line.

use ballet_core::System;
use ballet_core::topology;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The password of a user on a developer's machine. It is no secret: a broker with these users
/// listens on loopback only.
#[must_use]
pub fn development_password(user: &str) -> String {
    format!("{user}-development")
}

/// The definitions of a system, as RabbitMQ imports them. `made_by` is the command that makes it.
#[must_use]
pub fn text(system: &System, made_by: &str) -> String {
    let mut document = topology::definitions(system, |user| {
        // A salt from the name: the same declarations give the same file.
        let digest = Sha256::digest(user);
        hash(&development_password(user), [digest[0], digest[1], digest[2], digest[3]])
    });
    // RabbitMQ writes such a key into its own exports, and reads past it.
    document["explanation"] = json!(format!(
        "Made from the code by `{made_by}`; do not edit. For development on one machine: the \
         password of each user is its name and `-development`, so let this broker listen on \
         loopback only, and give the users other passwords anywhere else."
    ));
    one_a_line(&document)
}

/// RabbitMQ's form: the salt, then the SHA-256 of salt and password.
fn hash(password: &str, salt: [u8; 4]) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
    STANDARD.encode([&salt[..], &digest[..]].concat())
}

/// A change shows as one line of a diff.
fn one_a_line(document: &Value) -> String {
    let mut sections = Vec::new();
    for (name, value) in ordered(document) {
        let text = match value {
            Value::Array(entries) if !entries.is_empty() => {
                let lines: Vec<_> = entries.iter().map(|e| format!("    {}", compact(e))).collect();
                format!("[\n{}\n  ]", lines.join(",\n"))
            }
            other => compact(other),
        };
        sections.push(format!("  {}: {text}", json!(name)));
    }
    format!("{{\n{}\n}}\n", sections.join(",\n"))
}

fn compact(value: &Value) -> String {
    match value {
        Value::Object(_) => {
            let entries = ordered(value).into_iter();
            let entries: Vec<_> =
                entries.map(|(key, value)| format!("{}: {}", json!(key), compact(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(compact).collect();
            format!("[{}]", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// What people look for comes first; the rest by name. A map's own order depends on how
/// serde_json was built.
fn ordered(object: &Value) -> Vec<(&String, &Value)> {
    const FIRST: [&str; 12] = [
        "explanation",
        "vhosts",
        "users",
        "permissions",
        "topic_permissions",
        "exchanges",
        "queues",
        "bindings",
        "name",
        "user",
        "source",
        "vhost",
    ];
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut entries: Vec<_> = object.as_object().into_iter().flat_map(Map::iter).collect();
    entries.sort_by_key(|(key, _)| (place(key), *key));
    entries
}

#[cfg(test)]
mod tests {
    use ballet_core::Part;

    use super::*;

    fn shop() -> System {
        System { name: "shop", parts: vec![Part { service: "orders", ..Part::default() }] }
    }

    #[test]
    fn the_file_holds_the_same_as_the_definitions() {
        let text = text(&shop(), "make pages");
        let mut read: Value = serde_json::from_str(&text).expect("JSON");
        let explanation = read.as_object_mut().and_then(|all| all.remove("explanation"));
        assert!(explanation.is_some_and(|text| text.to_string().contains("loopback only")));
        let users = read["users"].as_array().expect("a list");
        let orders = users.iter().find(|user| user["name"] == "orders").expect("a user");
        let hash = orders["password_hash"].clone();
        let same = topology::definitions(&shop(), |user| {
            let users = read["users"].as_array().into_iter().flatten();
            let mut of_user = users.filter(|entry| entry["name"] == user);
            of_user.next().and_then(|u| u["password_hash"].as_str()).unwrap_or_default().to_owned()
        });
        assert_eq!(read, same);
        let bytes = STANDARD.decode(hash.as_str().expect("text")).expect("base64");
        let digest =
            Sha256::new().chain_update(&bytes[..4]).chain_update("orders-development").finalize();
        assert_eq!(&bytes[4..], &digest[..]);
    }

    #[test]
    fn hashes_as_the_broker_does() {
        // The example of RabbitMQ's own documentation.
        let expected = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
        assert_eq!(hash("test12", [0x90, 0x8D, 0xC6, 0x0A]), expected);
    }

    #[test]
    fn every_object_has_a_line_of_its_own_with_the_name_first() {
        let document = json!({"zeta": 1, "queues": [{"vhost": "v", "a": [1, {}], "name": "q"}]});
        assert_eq!(
            one_a_line(&document),
            "{\n  \"queues\": [\n    {\"name\": \"q\", \"vhost\": \"v\", \"a\": [1, {}]}\n  ],\n  \
             \"zeta\": 1\n}\n"
        );
    }
}
