//! The services' components in one namespace.

use std::collections::{BTreeMap, BTreeSet};

use ballet_http::problem;
use serde_json::{Map, Value, json};

const PLACE: &str = "#/components/";
pub(crate) const PROBLEM: &str = "#/components/schemas/Problem";

/// By place: `schemas/Order`.
#[derive(Debug)]
pub(crate) struct Components(BTreeMap<String, Value>);

/// The components of a service's document that have another name in the system's.
#[derive(Debug, Default)]
pub(crate) struct ComponentNames(BTreeMap<String, String>);

impl Components {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::from([("schemas/Problem".to_owned(), problem())]))
    }

    /// Equal components are shared. One that differs from its namesake gets the upstream's name in front.
    pub(crate) fn take(&mut self, upstream: &str, document: &Value) -> ComponentNames {
        let mut own = BTreeMap::new();
        for (section, entries) in object(&document["components"]) {
            // Signing in to a service is between it and the gateway.
            if section == "securitySchemes" {
                continue;
            }
            for (name, value) in object(entries) {
                own.insert(format!("{section}/{name}"), value);
            }
        }
        // The gateway's error has an id more.
        own.retain(|place, value| place != "schemas/Problem" || **value != problem::schema());
        let mut differ: BTreeSet<&str> = BTreeSet::new();
        loop {
            // A component that refers to a differing one differs.
            let refers = |value: &Value| references(value).iter().any(|to| differ.contains(&**to));
            let is_new = |(place, value): &(&String, &&Value)| {
                let known = self.0.get(*place);
                !differ.contains(place.as_str())
                    && known.is_some_and(|known| known != **value || refers(value))
            };
            let Some((place, _)) = own.iter().find(is_new) else { break };
            differ.insert(place);
        }
        let renamed = differ.iter().filter_map(|place| {
            let (section, name) = place.split_once('/')?;
            Some(((*place).to_owned(), format!("{section}/{upstream}_{name}")))
        });
        let names = ComponentNames(renamed.collect());
        for (place, value) in &own {
            let new = names.0.get(place).unwrap_or(place);
            self.0.entry(new.clone()).or_insert_with(|| names.rewrite(value));
        }
        names
    }

    /// Returns a reference to a component of the gateway's, which has a number behind its name if
    /// another has the name.
    pub(crate) fn add(&mut self, name: &str, schema: Value) -> Value {
        let numbered = (2..).map(|number| format!("schemas/{name}_{number}"));
        let mut places = [format!("schemas/{name}")].into_iter().chain(numbered);
        let fits = |place: &String| self.0.get(place).is_none_or(|known| *known == schema);
        let place = places.find(fits).unwrap_or_default();
        let reference = json!({ "$ref": format!("{PLACE}{place}") });
        self.0.insert(place, schema);
        reference
    }

    pub(crate) fn used_by(&self, paths: &Value) -> BTreeMap<&str, BTreeMap<&str, &Value>> {
        let mut used: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
        let mut open: Vec<String> = references(paths).into_iter().collect();
        while let Some(place) = open.pop() {
            let Some((place, value)) = self.0.get_key_value(&place) else { continue };
            let Some((section, name)) = place.split_once('/') else { continue };
            if used.entry(section).or_default().insert(name, value).is_none() {
                open.extend(references(value));
            }
        }
        used
    }
}

impl ComponentNames {
    pub(crate) fn rewrite(&self, value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let entries = object.iter().map(|(key, value)| {
                    let renamed = value.as_str().filter(|_| key == "$ref").and_then(|text| {
                        let new = self.0.get(text.strip_prefix(PLACE)?)?;
                        Some(Value::String(format!("{PLACE}{new}")))
                    });
                    (key.clone(), renamed.unwrap_or_else(|| self.rewrite(value)))
                });
                Value::Object(entries.collect())
            }
            Value::Array(items) => items.iter().map(|item| self.rewrite(item)).collect(),
            other => other.clone(),
        }
    }
}

/// None if it is no object.
pub(crate) fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => {
                let text = object.get("$ref").and_then(Value::as_str);
                found.extend(text.and_then(|text| text.strip_prefix(PLACE)).map(str::to_owned));
                open.extend(object.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

fn problem() -> Value {
    let mut schema = problem::schema();
    schema["properties"]["request_id"] = json!({ "type": "string", "description":
        "The request's id in the gateway's log, if the error is the gateway's." });
    schema
}
