//! The plain values from earlier answers: by name, and grouped by the object or path in which they occurred.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use serde_json::{Map, Value};

use crate::openapi::document::{Parameter, RouteOperation};
use crate::openapi::schema::Schema;

/// The most remembered values of one name.
const OF_A_NAME: usize = 50;
/// The most remembered things.
const REMEMBERED: usize = 200;

/// The values from earlier answers, by name.
#[derive(Debug, Default)]
pub(super) struct KnownValues(BTreeMap<String, Vec<Value>>);

impl KnownValues {
    /// Remembers the plain values in an answer.
    pub(super) fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(object) => {
                for (name, value) in object {
                    self.learn(value);
                    // The link to the next page.
                    let name = if name == "next" { "after" } else { name };
                    let known = self.0.entry(name.to_owned()).or_default();
                    let is_plain = value.is_string() || value.is_number();
                    if is_plain && known.len() < OF_A_NAME && !known.contains(value) {
                        known.push(value.clone());
                    }
                }
            }
            _ => {}
        }
    }

    /// Draws a value of the parameter's name, and returns it if it fits.
    pub(super) fn any(&self, parameter: &Parameter<'_>, dice: &mut Rng) -> Option<&Value> {
        let known = self.0.get(parameter.name).map(Vec::as_slice).unwrap_or_default();
        dice.choice(known).filter(|value| parameter.schema.takes(value))
    }
}

/// The plain values of one object or path, by name.
pub(super) type Thing = Map<String, Value>;

/// The things from earlier answers, oldest first.
#[derive(Debug, Default)]
pub(super) struct Things(VecDeque<Thing>);

impl Things {
    /// Remembers the plain values of each object in an answer.
    pub(super) fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(object) => {
                object.values().for_each(|value| self.learn(value));
                let plain = object.iter().filter(|(_, one)| one.is_string() || one.is_number());
                self.add(plain.map(|(name, value)| (name.clone(), value.clone())).collect());
            }
            _ => {}
        }
    }

    /// Remembers the parameters of a path if it matches one of the known paths.
    pub(super) fn learn_path<'p>(&mut self, path: &str, known: impl Iterator<Item = &'p str>) {
        for thing in known.filter_map(|template| parameters(template, path)) {
            self.add(thing);
        }
    }

    /// Draws a thing with all parameters of the route's path, and with as many of the body's fields as any other.
    pub(super) fn any(&self, operation: &RouteOperation<'_>, dice: &mut Rng) -> Option<&Thing> {
        let has_path = |thing: &&Thing| {
            let mut path = operation.parameters.iter().filter(|one| one.place == "path");
            path.all(|one| value_of(thing, one).is_some())
        };
        let of_body =
            |thing: &Thing| operation.body.map_or(0, |(body, _)| fields(body, thing).count());
        let mut fitting: Vec<&Thing> = self.0.iter().filter(has_path).collect();
        let most = fitting.iter().map(|thing| of_body(thing)).max();
        fitting.retain(|thing| Some(of_body(thing)) == most);
        dice.choice(fitting)
    }

    fn add(&mut self, thing: Thing) {
        // A single value says nothing about what belongs together.
        if thing.len() < 2 || self.0.contains(&thing) {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(thing);
    }
}

/// Returns the thing's value for a parameter, if it has one that fits.
pub(super) fn value_of<'t>(thing: &'t Thing, parameter: &Parameter<'_>) -> Option<&'t Value> {
    thing.get(parameter.name).filter(|value| parameter.schema.takes(value))
}

/// Returns the thing's values for the fields of a body.
pub(super) fn fields<'t>(
    body: Schema<'t>,
    thing: &'t Thing,
) -> impl Iterator<Item = (&'t str, &'t Value)> {
    body.properties().filter_map(move |(name, field)| {
        let value = thing.get(name).filter(|value| field.takes(value))?;
        Some((name, value))
    })
}

fn parameters(template: &str, path: &str) -> Option<Thing> {
    let mut found = Thing::new();
    let mut given = path.split('/');
    for part in template.split('/') {
        let given = given.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => {
                found.insert(name.to_owned(), Value::from(given));
            }
            None if part == given => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(found)
}
