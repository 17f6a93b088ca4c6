//! A writer's schema as alternatives, each with at most one JSON type, or a single value.

use serde_json::{Map, Value};

use crate::takes::schema_part::{SchemaPart, type_of, types, values};

/// For types that contain themselves.
const DEEPEST: usize = 32;
/// With more alternatives the schema counts as if it named none.
const MOST: usize = 512;

#[derive(Debug, Clone)]
pub(super) struct WriterAlternative {
    pub(super) schema: Map<String, Value>,
    /// `None` if the schema does not name it.
    pub(super) json_type: Option<String>,
    pub(super) value: Option<Value>,
}

pub(super) fn alternatives(side: SchemaPart<'_>) -> Vec<WriterAlternative> {
    schemas(side, 0).into_iter().flat_map(split_types).collect()
}

/// Returns the alternatives, each without `anyOf` and the like.
fn schemas(side: SchemaPart<'_>, depth: usize) -> Vec<Map<String, Value>> {
    let own = match side.part {
        Value::Bool(false) => return Vec::new(),
        Value::Object(own) => own,
        _ => return vec![Map::new()],
    };
    let apart = ["$ref", "allOf", "anyOf", "oneOf"];
    let own = own.iter().filter(|(key, _)| !apart.contains(&key.as_str()));
    let own: Map<String, Value> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    if depth == DEEPEST {
        return vec![own];
    }
    let mut all = vec![own];
    let mut narrow = |others: Vec<Map<String, Value>>| {
        // An omission here only widens the writer's schema.
        if all.len() * others.len() <= MOST {
            let both = |one: &Map<_, _>| {
                others.iter().filter_map(|other| merge(one, other)).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(both).collect();
        }
    };
    if let Some(target) = side.target() {
        narrow(schemas(target, depth + 1));
    }
    for part in side.list("allOf").into_iter().flatten() {
        narrow(schemas(part, depth + 1));
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(list) = side.list(keyword) {
            narrow(list.into_iter().flat_map(|part| schemas(part, depth + 1)).collect());
        }
    }
    all
}

/// `None` if no value fits both. Of two keywords that cannot be joined, one counts.
fn merge(one: &Map<String, Value>, other: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut both = one.clone();
    for (key, value) in other {
        let Some(known) = one.get(key).filter(|known| *known != value) else {
            both.insert(key.clone(), value.clone());
            continue;
        };
        let joined = match (key.as_str(), known, value) {
            ("properties", Value::Object(known), Value::Object(value)) => {
                let mut fields = known.clone();
                for (name, field) in value {
                    let field = match known.get(name) {
                        Some(first) if first != field => Value::Object(Map::from_iter([(
                            "allOf".to_owned(),
                            Value::Array(vec![first.clone(), field.clone()]),
                        )])),
                        _ => field.clone(),
                    };
                    fields.insert(name.clone(), field);
                }
                Value::Object(fields)
            }
            ("required", Value::Array(known), Value::Array(value)) => {
                Value::Array([&known[..], &value[..]].concat())
            }
            ("type", ..) => {
                let (here, there) = (types(one), types(other));
                let is_both = |one: &&str| {
                    there.contains(one) || *one == "integer" && there.contains(&"number")
                };
                let mut left: Vec<&str> = here.iter().copied().filter(is_both).collect();
                if here.contains(&"number") && there.contains(&"integer") {
                    left.push("integer");
                }
                if left.is_empty() {
                    return None;
                }
                Value::from(left)
            }
            _ => value.clone(),
        };
        both.insert(key.clone(), joined);
    }
    Some(both)
}

/// Returns one alternative for each type, or each value.
fn split_types(schema: Map<String, Value>) -> Vec<WriterAlternative> {
    let allowed = types(&schema);
    if let Some(values) = values(&schema) {
        let fits = |value: &&&Value| {
            let of = type_of(value);
            allowed.is_empty()
                || allowed.contains(&of)
                || of == "integer" && allowed.contains(&"number")
        };
        let written = |value: &&Value| WriterAlternative {
            schema: schema.clone(),
            json_type: Some(type_of(value).to_owned()),
            value: Some((*value).clone()),
        };
        return values.iter().filter(fits).map(written).collect();
    }
    if allowed.is_empty() {
        return vec![WriterAlternative { schema, json_type: None, value: None }];
    }
    let of_type = |one: &&str| WriterAlternative {
        schema: schema.clone(),
        json_type: Some((*one).to_owned()),
        value: None,
    };
    allowed.iter().map(of_type).collect()
}
