//! How an object of the broker differs from its declaration, in words.

use serde_json::{Map, Value};

pub(crate) fn other(fields: &[&str], wanted: &Value, found: &Value) -> Vec<String> {
    let mut words = Vec::new();
    for field in fields {
        match &wanted[*field] {
            Value::Object(wanted) => {
                let found = table(&found[*field]);
                let names = wanted.keys().chain(found.keys().filter(|n| !wanted.contains_key(*n)));
                for name in names {
                    words.extend(differs(name, wanted.get(name), found.get(name)));
                }
            }
            wanted => words.extend(differs(field, Some(wanted), found.get(*field))),
        }
    }
    words
}

pub(crate) fn differs(name: &str, wanted: Option<&Value>, found: Option<&Value>) -> Option<String> {
    if wanted == found {
        return None;
    }
    let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
    Some(format!("{name} is {}, but should be {}", text(found), text(wanted)))
}

/// A table of arguments. RabbitMQ sometimes writes an empty one as an empty list.
pub(crate) fn table(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
