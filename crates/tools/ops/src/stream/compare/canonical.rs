//! Bodies in a form that is the same in every run: without times and made ids.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

const LENGTH: usize = 36;

/// Ids and times from outside, the same in every run.
#[derive(Debug, Default)]
pub(super) struct GivenValues(HashSet<String>);

impl GivenValues {
    pub(super) fn add(&mut self, body: &Value) {
        match body {
            Value::String(text) => drop(self.0.insert(text.clone())),
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(map) => map.values().for_each(|value| self.add(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(super) fn remove(&mut self, ids: &[Uuid]) {
        if !ids.is_empty() {
            self.0.retain(|text| Uuid::try_parse(text).map_or(true, |id| !ids.contains(&id)));
        }
    }
}

/// The names of one side's ids, after the events that made them. An id has the same name everywhere.
#[derive(Debug, Default)]
pub(super) struct IdNames<'a>(HashMap<Uuid, (Option<&'a str>, String)>);

impl<'a> IdNames<'a> {
    /// Names an unnamed id. `maker` is the message that made it.
    pub(super) fn give(&mut self, id: Uuid, maker: Option<&'a str>, name: &str) {
        self.0.entry(id).or_insert_with(|| (maker, name.to_owned()));
    }

    pub(super) fn give_in(
        &mut self,
        body: &Value,
        given: &GivenValues,
        maker: Option<&'a str>,
        place: &mut String,
    ) {
        let length = place.len();
        match body {
            Value::String(text) => {
                for (_, id) in ids_in(text).filter(|_| !given.0.contains(text)) {
                    self.give(id, maker, &format!("the id in {place}"));
                }
            }
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    place.push_str(&format!("/{at}"));
                    self.give_in(value, given, maker, place);
                    place.truncate(length);
                }
            }
            Value::Object(map) => {
                for (name, value) in map {
                    place.push('/');
                    place.push_str(name);
                    self.give_in(value, given, maker, place);
                    place.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Returns the ids in a text such as `parcel_0193f7a0-...`, with their positions.
fn ids_in(text: &str) -> impl Iterator<Item = (usize, Uuid)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at + LENGTH <= text.len() {
            // The first dash nearly always decides.
            let part = text.get(at..at + LENGTH).filter(|part| part.as_bytes()[8] == b'-');
            let found = part.and_then(|part| Uuid::try_parse(part).ok());
            if let Some(id) = found {
                at += LENGTH;
                return Some((at - LENGTH, id));
            }
            at += 1;
        }
        None
    })
}

/// Most texts fail the quick test for a separator of date and time.
fn is_time(text: &str) -> bool {
    text.contains(['T', 't', ' ']) && text.parse::<Timestamp>().is_ok()
}

/// Returns a body with names for ids and a word for times.
pub(super) fn canonical(
    body: &Value,
    given: &GivenValues,
    names: &IdNames<'_>,
    message: Option<&str>,
) -> Value {
    match body {
        Value::String(text) => {
            if is_time(text) && !given.0.contains(text) {
                return Value::String("<a time>".to_owned());
            }
            let (mut named, mut end) = (String::new(), 0);
            for (at, id) in ids_in(text) {
                let Some((maker, name)) = names.0.get(&id) else { continue };
                let new = if maker.is_some() && *maker == message { "new: " } else { "" };
                named.push_str(text.get(end..at).unwrap_or_default());
                named.push_str(&format!("<{new}{name}>"));
                end = at + LENGTH;
            }
            named.push_str(text.get(end..).unwrap_or_default());
            Value::String(named)
        }
        Value::Array(values) => {
            values.iter().map(|value| canonical(value, given, names, message)).collect()
        }
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), canonical(value, given, names, message)))
            .collect(),
        other => other.clone(),
    }
}
