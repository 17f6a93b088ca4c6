//! The services' components in one namespace.

use std::collections::{BTreeMap, BTreeSet};

use ballet_http::problem;
use serde_json::{Map, Value, json};

const PLACE: &str = "#/components/";
pub(crate) const PROBLEM: &str = "#/components/schemas/Problem";

const HEADERS: [(&str, &str, &str); 3] = [
    (REQUEST_ID, "Finds the request in the logs.", "^[A-Za-z0-9._-]{8,64}$"),
    (
        LIMIT,
        "What is left of the rate, and for how many seconds: `\"read\";r=598;t=42`.",
        "^\"[^\"]+\";r=[0-9]+;t=[0-9]+$",
    ),
    (
        POLICY,
        "The rate, as so many requests in so many seconds: `\"read\";q=600;w=60`.",
        "^\"[^\"]+\";q=[0-9]+;w=[0-9]+$",
    ),
];
pub(crate) const REQUEST_ID: &str = "X-Request-Id";
/// This and the next are the headers of answers for which a rate was judged.
pub(crate) const LIMIT: &str = "RateLimit";
pub(crate) const POLICY: &str = "RateLimit-Policy";

/// By place: `schemas/Order`.
#[derive(Debug)]
pub(crate) struct Components(BTreeMap<String, Value>);

/// The components of a service's document that have another name in the system's.
#[derive(Debug, Default)]
pub(crate) struct ComponentNames(BTreeMap<String, String>);

impl Components {
    pub(crate) fn new() -> Self {
        let headers = HEADERS.map(|(name, about, pattern)| {
            let schema = json!({ "type": "string", "pattern": pattern });
            let header = json!({ "description": about, "schema": schema });
            (format!("headers/{name}"), header)
        });
        Self(headers.into_iter().chain([("schemas/Problem".to_owned(), problem())]).collect())
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
        own.retain(|place, value| place != "schemas/Problem" || !is_plain_problem(value));
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

    /// Returns the reference. If another schema has the name, this one gets a number.
    pub(crate) fn add(&mut self, name: &str, schema: Value) -> Value {
        let mut number = 1;
        let mut place = format!("schemas/{name}");
        while self.0.get(&place).is_some_and(|known| *known != schema) {
            number += 1;
            place = format!("schemas/{name}_{number}");
        }
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

/// A service's error schema that adds nothing to the gateway's.
fn is_plain_problem(schema: &Value) -> bool {
    let known = problem();
    object(&schema["properties"]).all(|(name, _)| known["properties"].get(name).is_some())
        && schema.get("additionalProperties").is_none_or(|more| *more != false)
}

fn problem() -> Value {
    let mut schema = problem::schema();
    schema["properties"]["request_id"] = json!({ "type": "string", "description":
        "The request's id in the gateway's log, if the error is the gateway's." });
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_components_are_shared_and_others_get_the_name_of_their_service() {
        let document = |price: &str| {
            json!({ "components": { "schemas": {
                "Money": { "type": price },
                "Line": { "properties": { "price": { "$ref": "#/components/schemas/Money" } } },
                "Id": { "type": "string" },
            } } })
        };
        let mut components = Components::new();
        assert!(components.take("a", &document("integer")).0.is_empty());
        assert!(components.take("b", &document("integer")).0.is_empty());
        // Another one, as its money is.
        let names = components.take("c", &document("string"));
        assert_eq!(names.0.len(), 2);
        let used = names.rewrite(&json!({ "$ref": "#/components/schemas/Line" }));
        assert_eq!(used, json!({ "$ref": "#/components/schemas/c_Line" }));
        let used = components.used_by(&used);
        let names: Vec<&str> = used["schemas"].keys().copied().collect();
        assert_eq!(names, ["c_Line", "c_Money"]);
    }
}
