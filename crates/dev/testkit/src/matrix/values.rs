//! Bodies of events from their schemas. The same field has the same value in all events and rows of a service; only
//! what belongs to one saga differs from saga to saga.

use std::collections::{BTreeMap, BTreeSet};

use ballet::SagaId;
use ballet::core::{Part, ServiceContract};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// It stands for the saga's id in templates of bodies and rows.
pub(super) const SAGA: &str = "{saga}";
/// It stands for a number of which there is plenty, or little.
pub(super) const NUMBER: &str = "{n}";
const DEEPEST: u8 = 12;

pub(super) struct Values {
    schemas: BTreeMap<String, Value>,
    /// The fields that have the id of the saga.
    saga_fields: BTreeSet<String>,
    /// The fields of which each saga has a value of its own.
    pub(super) own_fields: BTreeSet<String>,
    /// Bodies that were recorded.
    recorded: BTreeMap<String, Value>,
    now: Timestamp,
}

impl Values {
    pub(super) fn new(
        contract: &ServiceContract,
        part: &Part,
        now: Timestamp,
        recorded: BTreeMap<String, Value>,
    ) -> Self {
        let contract = serde_json::to_value(contract).expect("a contract is JSON");
        let events = contract["events"].as_array().cloned().unwrap_or_default();
        let name = |event: &Value| event["name"].as_str().unwrap_or_default().to_owned();
        let keys: BTreeMap<String, String> = events
            .iter()
            .filter_map(|event| {
                let field = event["keys"][0]["field"].as_str()?;
                Some((name(event), field.to_owned()))
            })
            .collect();
        let schemas = events.iter().map(|event| (name(event), event["schema"].clone())).collect();
        let own_fields = BTreeSet::new();
        let mut values = Self { schemas, saga_fields: BTreeSet::new(), own_fields, recorded, now };
        let steps = part.sagas.iter().flat_map(|saga| &saga.steps).filter(|one| !one.on.is_empty());
        let done = steps.map(|step| step.done.name());
        for event in done.chain(part.subscriptions.iter().map(|one| one.on.name())) {
            let field = keys.get(event).cloned().or_else(|| values.id_of(event));
            values.saga_fields.extend(field);
        }
        values
    }

    /// Takes tables' keys for the saga's id: `saga_id`, or all, if no event carries the id.
    pub(super) fn name_saga(&mut self, keys: Vec<String>) {
        let all = self.saga_fields.is_empty();
        self.saga_fields.extend(keys.into_iter().filter(|key| all || key == "saga_id"));
    }

    /// An event is about what its name names, or else about its first id.
    fn id_of(&self, event: &str) -> Option<String> {
        let schema = self.schemas.get(event)?;
        let is_id = |name: &&String| {
            let field = resolved(&schema["properties"][name.as_str()], schema);
            field["format"] == "uuid"
        };
        let ids: Vec<&String> = schema["properties"].as_object()?.keys().filter(is_id).collect();
        let stem = |field: &str| field.strip_suffix("_id").unwrap_or(field).to_owned();
        let named = ids.iter().find(|field| event.contains(&format!(".{}", stem(field))));
        named.or(ids.first()).map(|field| (*field).clone())
    }

    /// Returns a body with placeholders.
    pub(super) fn body(&self, event: &str) -> Value {
        if let Some(recorded) = self.recorded.get(event) {
            return self.with_own(recorded);
        }
        let Some(schema) = self.schemas.get(event) else { return Value::Null };
        self.value("", schema, schema, DEEPEST)
    }

    /// Returns the value of a field of this name in any event.
    pub(super) fn known(&self, name: &str) -> Option<Value> {
        if self.saga_fields.contains(name) || self.own_fields.contains(name) {
            return Some(self.own(name));
        }
        let recorded = self.recorded.values().find_map(|body| recorded_field(body, name));
        recorded.cloned().or_else(|| {
            self.schemas.values().find_map(|schema| self.find(name, schema, schema, DEEPEST))
        })
    }

    /// Returns a recorded body in which each saga has its own of what no two share.
    fn with_own(&self, body: &Value) -> Value {
        let is_own = |name: &str| self.saga_fields.contains(name) || self.own_fields.contains(name);
        match body {
            Value::Array(all) => all.iter().map(|one| self.with_own(one)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| {
                    let own = value.is_string() && is_own(name);
                    (name.clone(), if own { self.own(name) } else { self.with_own(value) })
                });
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    fn find(&self, name: &str, schema: &Value, root: &Value, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let schema = resolved(schema, root);
        if let Some(field) = schema["properties"].get(name) {
            return Some(self.value(name, field, root, depth));
        }
        let fields = schema["properties"].as_object();
        let nested = fields.into_iter().flat_map(Map::values).chain(schema.get("items"));
        nested.into_iter().find_map(|nested| self.find(name, nested, root, depth))
    }

    fn own(&self, name: &str) -> Value {
        if self.saga_fields.contains(name) {
            json!(SAGA)
        } else {
            json!(format!("{{saga:{name}}}"))
        }
    }

    fn value(&self, name: &str, schema: &Value, root: &Value, depth: u8) -> Value {
        let Some(depth) = depth.checked_sub(1) else { return Value::Null };
        let schema = resolved(schema, root);
        let is_own = self.saga_fields.contains(name) || self.own_fields.contains(name);
        if is_own && types(schema).any(|one| one == "string") {
            return self.own(name);
        }
        for (key, at) in [("const", None), ("examples", Some(0)), ("enum", Some(0))] {
            match (schema.get(key), at) {
                (Some(value), None) => return value.clone(),
                (Some(values), Some(at)) => return values[at].clone(),
                (None, _) => {}
            }
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            let choices = schema[choice].as_array().into_iter().flatten();
            let mut choices = choices.filter(|one| one["type"] != "null");
            if let Some(first) = choices.next() {
                return self.value(name, first, root, depth);
            }
        }
        let kind = types(schema).find(|kind| *kind != "null").unwrap_or_default();
        match kind {
            "object" => {
                let fields = &schema["properties"];
                // The id of an entity's version is that by which others name the entity.
                let is_version =
                    ["id", "version", "state"].iter().all(|one| fields.get(one).is_some());
                let needed = schema["required"].as_array().into_iter().flatten();
                let needed = needed.filter_map(Value::as_str).chain(is_version.then_some("state"));
                let fields = needed.map(|field| {
                    let id = is_version && field == "id";
                    let known = id.then(|| self.known(&format!("{name}_id"))).flatten();
                    let made = || self.value(field, &fields[field], root, depth);
                    (field.to_owned(), known.unwrap_or_else(made))
                });
                Value::Object(fields.collect())
            }
            "array" => json!([self.value(name, &schema["items"], root, depth)]),
            "integer" | "number" => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
            "boolean" => json!(false),
            "string" => json!(self.text(name, schema)),
            _ => Value::Null,
        }
    }

    fn text(&self, name: &str, schema: &Value) -> String {
        match schema["format"].as_str() {
            Some("uuid") => id_named(name),
            Some("date-time") => self.time(name),
            _ => match schema["pattern"].as_str() {
                Some(pattern) => matching(pattern).unwrap_or_else(|| name.to_owned()),
                None => name.to_owned(),
            },
        }
    }

    /// What ends, ends in an hour; everything else was a minute ago.
    pub(super) fn time(&self, name: &str) -> String {
        let ends = ["until", "expires", "due"].iter().any(|word| name.contains(word));
        let from_now =
            if ends { SignedDuration::from_hours(1) } else { SignedDuration::from_mins(-1) };
        (self.now + from_now).to_string()
    }
}

fn recorded_field<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let inner = || match body {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(all) => all.iter().collect(),
        _ => Vec::new(),
    };
    body.get(name).or_else(|| inner().into_iter().find_map(|one| recorded_field(one, name)))
}

/// Returns an id that is the same wherever something has this name.
pub(super) fn id_named(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// Fills in the placeholders.
pub(super) fn filled(template: &str, saga: SagaId, number: i64) -> String {
    let mut text = template.replace(SAGA, &saga.to_string()).replace(NUMBER, &number.to_string());
    while let Some((before, rest)) = text.split_once("{saga:") {
        let Some((name, after)) = rest.split_once('}') else { break };
        text = format!("{before}{}{after}", id_named(&format!("{saga}{name}")));
    }
    text
}

fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let several = schema["type"].as_array().into_iter().flatten();
    several.chain(Some(&schema["type"])).filter_map(Value::as_str)
}

fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// Returns the shortest text that matches a pattern of character classes and their numbers.
fn matching(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = pattern.trim_start_matches('^').trim_end_matches('$');
    while let Some(first) = rest.chars().next() {
        let (one, after) = match first {
            '[' => (rest.chars().nth(1)?, rest.split_once(']')?.1),
            '\\' if rest.starts_with("\\d") => ('0', rest.get(2..)?),
            '\\' => (rest.chars().nth(1)?, rest.get(2..)?),
            '(' | ')' | '|' => return None,
            other => (other, rest.get(other.len_utf8()..)?),
        };
        let (times, after) = if let Some(counted) = after.strip_prefix('{') {
            let (count, after) = counted.split_once('}')?;
            (count.split(',').next()?.parse().ok()?, after)
        } else if let Some(after) = after.strip_prefix(['*', '?']) {
            (0, after)
        } else {
            (1, after.strip_prefix('+').unwrap_or(after))
        };
        text.extend(std::iter::repeat_n(one, times));
        rest = after;
    }
    Some(text)
}
